"""How long until the command line answers, as whole processes."""

from __future__ import annotations

from common import finish, median_process

CASES = {
    "help": ("-m", "tlzoo", "--help"),
    "list": ("-m", "tlzoo", "list"),
    "show": ("-m", "tlzoo", "show", "efficientnet_lite0"),
    "import": ("-c", "import tlzoo"),
}


def main() -> None:
    """Prints each case beside the time Python itself needs."""
    bare = median_process(9, "-c", "pass")
    figures = {}
    for name, arguments in CASES.items():
        figures[name] = median_process(9, *arguments)
        print(f"{name:8s} {figures[name]:.3f} s   ({figures[name] / bare:.1f}x bare Python, {bare:.3f} s)")
    finish(bare=bare, **figures)


if __name__ == "__main__":
    main()
