"""`python -m dilo` is the command `dilo`."""

import sys

from dilo.cli import main

if __name__ == "__main__":
    sys.exit(main())
