"""``python -m sgvg_core``: the command line."""

import sys

from .environment import check_environment
from .errors import SGVGError


def _main() -> int:
    try:
        check_environment()
    except SGVGError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from .cli import main  # after the check: it imports torch

    return main()


if __name__ == "__main__":
    sys.exit(_main())
