"""Lets `python -m tlzoo` do what `tlzoo` does."""

import sys

from tlzoo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
