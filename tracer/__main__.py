"""The command ``whowoke``."""

import gc
import sys


def main() -> None:
    """Run the command line and exit."""
    # A tenth of the time that imports take, and they leave no garbage.
    gc.disable()
    # A recording lasts: what reads its command line is no part of the process that records.
    if sys.argv[1:2] == ["record"]:
        from whowoke.tracer import recorder

        sys.exit(recorder.main())
    from whowoke.tracer.cli import app

    gc.enable()
    app(prog_name="whowoke")


if __name__ == "__main__":
    main()
