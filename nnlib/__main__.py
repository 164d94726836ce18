"""The command line: ``python -m nnlib COMMAND``, or the script ``nnlib``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

# Those that draw: name, what it does, and its figure.
_FIGURES = (
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
    description = "compile all kernels of the processor now, once on this machine"
    commands.add_parser("warm-up", help=description, description=description)
    description = "put machine code for the levels of x86-64 beside the sources, for a wheel"
    commands.add_parser("machine-code", help=description, description=description)
    description = "compare the workers of a cluster with this process, and train a population there"
    check = commands.add_parser("cluster-check", help=description, description=description)
    check.add_argument(
        "--cluster",
        metavar="NAME",
        help="ray, dask, the address of either, or a backend of joblib (default: two processes)",
    )
    for name, description, figure in _FIGURES:
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument(
            "--figure",
            type=Path,
            default=Path(figure),
            help="where the figure goes (default: %(default)s)",
        )
    options = parser.parse_args(arguments)
    try:
        if options.command == "warm-up":
            _warm_up()
        elif options.command == "machine-code":
            _machine_code()
        elif options.command == "cluster-check":
            return _cluster_check(parser, options)
        else:
            _draw(parser, options)
    except KeyboardInterrupt:
        return 130
    return 0


def _draw(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """A command that leaves a figure."""
    if not options.figure.resolve().parent.is_dir():
        parser.error(f"--figure is {str(options.figure)!r}, wanted a file in an existing folder")
    from .commands import demo, starts

    run = {"demo": demo.run, "starts": starts.run}[options.command]
    run(options.figure)


def _warm_up() -> None:
    """Compile, and say after every job how long it took."""
    from .commands.warm_up import warm_up

    seconds = warm_up(report=lambda name, seconds: print(f"{seconds:6.1f} s  {name}", flush=True))
    print(f"{seconds:6.1f} s  in all; later processes find the kernels on disk")


def _cluster_check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Say what is found; 1 if something keeps a population there from its bits."""
    from .commands.cluster_check import check

    try:
        return 0 if check(options.cluster, report=lambda line: print(line, flush=True)) else 1
    except (ImportError, ValueError, RuntimeError) as error:
        parser.exit(1, f"nnlib: {error}\n")


def _machine_code() -> None:
    """Compile for all levels, and say how large each is."""
    from .commands.machine_code import make_machine_code

    make_machine_code(
        report=lambda level, size: print(f"{size / 2**20:6.1f} MB  {level}", flush=True)
    )


if __name__ == "__main__":
    raise SystemExit(main())
