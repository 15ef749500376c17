"""Which versions a policy serves, and which policy keeps labelled versions served while new ones come."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from tlzoo.serving import storage
from tlzoo.serving.options import Policy


def served(policy: Policy, numbers: Iterable[int]) -> frozenset[int]:
    """Returns the versions a server loads (file_system_storage_path_source.cc).

    Args:
        policy: The model's.
        numbers: Its versions on disk.

    Example:
        >>> sorted(served(Policy("latest", 2), [1, 2, 3]))
        [2, 3]
    """
    return frozenset(storage.chosen(numbers, policy))


def window(numbers: Iterable[int], labelled: Collection[int]) -> int:
    """Returns how many of the newest versions must be served so that labels survive the next deployment.

    That is down to the oldest version that bears a label, and one more: a server that sees a new folder before it
    reads its configuration again drops the oldest it serves, and that must not be a labelled one. The one more is
    the version before, loaded still, which makes going back to it instant.

    Args:
        numbers: Versions on disk.
        labelled: Those that bear labels; with none there is nothing to keep, and the answer is 0.

    Example:
        >>> window([1, 2, 3, 4], labelled=[3, 4])
        3
    """
    if not labelled:
        return 0
    return sum(number >= min(labelled) for number in numbers) + 1


def chosen(policy: Policy, numbers: Iterable[int], labelled: Collection[int]) -> int:
    """Returns how many of the latest versions somebody wants served, labels or no labels.

    Args:
        policy: What is in force.
        numbers: Versions on disk.
        labelled: Versions that bear labels. A count no larger than their `window` was there for them; so was one more,
            by a deployment that was killed before its version appeared.

    Example:
        >>> chosen(Policy("latest", 4), [1, 2, 3], labelled=[2]), chosen(Policy("latest", 9), [1, 2, 3], labelled=[2])
        (1, 9)
    """
    return policy.latest if policy.latest > window(numbers, labelled) + 1 else 1


def covering(policy: Policy, numbers: Iterable[int], labelled: Collection[int], least: int = 1) -> Policy:
    """Returns the policy that serves every labelled version, now and when the next one appears.

    Args:
        policy: What is in force. `all` stays; `specific` gains what it lacks; `latest` gets the count that is needed.
        numbers: Versions on disk.
        labelled: Versions that bear labels.
        least: How many of the latest are wanted in any case.

    Example:
        >>> covering(Policy("latest", 4), [1, 2, 3], labelled=[3]).latest
        2
    """
    if policy.kind == "all":
        return policy
    if policy.kind == "specific":
        return replace(policy, versions=tuple(sorted({*policy.versions, *labelled})))
    return replace(policy, latest=max(least, window(numbers, labelled)))
