"""``python -m sgvg_core``: the command line."""

import sys

from .environment import check_environment, packages_for
from .errors import SGVGError


def _main() -> int:
    try:
        check_environment(packages_for(sys.argv[1:]))
        from .cli import main  # after the check: it imports torch
    except SGVGError as error:
        print(f"error: {str(error).encode('ascii', 'backslashreplace').decode()}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cancelled; nothing half-written is left", file=sys.stderr)
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(_main())
