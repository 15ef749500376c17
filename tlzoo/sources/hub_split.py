"""Cuts the variables of one module into parts by globs over their names: each variable into exactly one."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence

from tlzoo.errors import CardError

REST = ("*",)
"""As the globs of the last part: everything the others leave."""


def split(
    names: Sequence[str], parts: Mapping[str, Sequence[str]], *, origin: str
) -> dict[str, tuple[int, ...]]:
    """Returns which variables, by position in `names`, each part holds.

    Args:
        names: Of all variables, such as `conv1/kernel`.
        parts: Globs by the part's name. `*` stands for any text, slashes too: `conv1/*`, `*/layer_0/*`. A last part
            of `*` alone takes what the others leave.
        origin: What the names belong to, for errors.

    Raises:
        CardError: A glob matches nothing, a variable falls into two parts or into none.

    Example:
        >>> split(["conv1/kernel", "top/kernel"], {"stem": ["conv1/*"], "top": ["*"]}, origin="toy")
        {'stem': (0,), 'top': (1,)}
    """
    owner: dict[int, str] = {}
    for name, globs in parts.items():
        if tuple(globs) == REST and name == list(parts)[-1] and len(parts) > 1:
            found = {at for at in range(len(names)) if at not in owner}
        else:
            found = {at for glob in globs for at in _matches(names, glob, name, origin)}
        if twice := sorted(found & owner.keys()):
            raise CardError(
                f"{origin}: stage '{name}' selects {_some(names, twice)}, which stage '{owner[twice[0]]}' holds.",
                allowed="every variable in one stage.",
                do="Mend the card's stages.",
            )
        if not found:
            raise CardError(
                f"{origin}: stage '{name}' is empty: the others hold all {len(names)} variables.",
                allowed="stages with variables of their own.",
                do="Remove the stage.",
            )
        owner.update(dict.fromkeys(found, name))
    if left := [at for at in range(len(names)) if at not in owner]:
        raise CardError(
            f"{origin}: the stages leave out {len(left)} of {len(names)} variables: {_some(names, left)}.",
            allowed="every variable in one stage; a last stage of '*' takes what the others leave.",
            do="Mend the card's stages.",
        )
    return {name: tuple(at for at in sorted(owner) if owner[at] == name) for name in parts}


def _matches(names: Sequence[str], glob: str, stage: str, origin: str) -> list[int]:
    found = [at for at, name in enumerate(names) if fnmatch.fnmatchcase(name, glob)]
    if not found:
        near = difflib.get_close_matches(glob, names, n=5, cutoff=0.3)
        raise CardError(
            f"{origin}: stage '{stage}' selects '{glob}', which matches no variable.",
            allowed=f"globs over its {len(names)} variables, such as {', '.join(near or names[:5]) or 'none'}.",
            do="Mend the card's stages.",
        )
    return found


def _some(names: Sequence[str], chosen: Sequence[int]) -> str:
    return ", ".join(names[at] for at in chosen[:5]) + (" …" if len(chosen) > 5 else "")
