"""`python -m p2law` is the command line."""

import sys

from p2law.cli import main

if __name__ == "__main__":
    sys.exit(main())
