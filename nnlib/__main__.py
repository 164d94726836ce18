"""The command line: ``python -m nnlib demo``, or the script ``nnlib``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name (default: sys.argv); returns the exit status."""
    parser = argparse.ArgumentParser(prog="nnlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser(
        "demo", help="train the lecture's exercise, time it and draw the lecture's figure"
    )
    demo.add_argument(
        "--figure",
        type=Path,
        default=Path("nnlib-demo.png"),
        help="where the figure goes (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if not options.figure.resolve().parent.is_dir():
        parser.error(f"--figure is {str(options.figure)!r}, wanted a file in an existing folder")
    from . import demo as demo_module

    try:
        demo_module.run(options.figure)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
