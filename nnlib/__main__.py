"""The command line: ``python -m nnlib demo`` or ``starts``, or the script ``nnlib``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

# Name, what it does, and its figure.
_COMMANDS = (
    (
        "demo",
        "train the lecture's exercise, time it and draw the lecture's figure",
        "nnlib-demo.png",
    ),
    (
        "starts",
        "train the exercise from 10 000 starts and draw how the costs are spread",
        "nnlib-starts.png",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name (default: sys.argv); returns the exit status."""
    parser = argparse.ArgumentParser(prog="nnlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, description, figure in _COMMANDS:
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument(
            "--figure",
            type=Path,
            default=Path(figure),
            help="where the figure goes (default: %(default)s)",
        )
    options = parser.parse_args(arguments)
    if not options.figure.resolve().parent.is_dir():
        parser.error(f"--figure is {str(options.figure)!r}, wanted a file in an existing folder")
    from . import demo, starts_figure

    run = {"demo": demo.run, "starts": starts_figure.run}[options.command]
    try:
        run(options.figure)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
