"""The command `vigie`, which `python -m vigie` is as well."""

import sys
import time
from typing import NoReturn


def main() -> NoReturn:
    """Hand over to the command line, which tells how long things took, its own imports included."""
    began = time.monotonic()
    try:
        from vigie import cli
    except ModuleNotFoundError as missing:
        # A watched service has the instruments only.
        sys.exit(
            f"vigie: {missing.name} is not installed: the command needs more than the instruments\n"
            "install it: pip install 'vigie[stack]'"
        )
    cli.main(began)


if __name__ == "__main__":
    main()
