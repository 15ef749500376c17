"""Asks a model server from a shell: `python -m tlzoo.client URL predict FILES…`."""

import sys

from tlzoo.cli.client import main

if __name__ == "__main__":
    sys.exit(main())
