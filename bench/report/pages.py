"""Turn a record of a run into the report, its figures, and the table of docs/speed.md.

``python -m bench.report RECORD.json [--beside OTHER.json ...] [--report REPORT.md]
[--page docs/speed.md]``
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from ..measure.measurement import Session, load
from ..rows.workloads import WORKLOADS
from .chart import peer_chart, scaling_chart
from .goals import GOALS
from .tables import (
    goal_table,
    machine_line,
    other_lines,
    ratio_table,
    reaching_table,
    scaling_table,
    workload_table,
)

# Name of the page's part that is written here, see `refreshed`.
MARKER = "benchmark table"
FOLDER = Path(__file__).parents[1] / "results"


def page_part(session: Session, others: Sequence[Session] = ()) -> str:
    """What stands between the markers of the page."""
    parts = (
        machine_line(session),
        ratio_table(session, others),
        other_lines(others),
        _verdict(session),
    )
    return "\n\n".join(part for part in parts if part)


def report(session: Session, others: Sequence[Session] = ()) -> str:
    """The whole report: goals, every workload, how the time grows, times to a cost.

    Sessions on other processors have columns in the table of ratios and in that of the goals.
    """
    parts = [
        "# Measured by `python -m bench`",
        machine_line(session) + " How the numbers are taken is in [NOTES](../NOTES.md): "
        "times are medians, the spread is the distance between the quartiles as a part of the "
        "median, *once* is what happens only once (conversion, compilation, the first call), and "
        "the limit is the faster C program where there is one, else one large matrix product by "
        "NumPy's BLAS, with the same dtype and threads.",
        "![Each library's time in units of nnlib's](peers.svg)",
        ratio_table(session, others),
        other_lines(others),
        "## Goals",
        goal_table(session, "../NOTES.md", others),
        "## Workloads",
        *(workload_table(workload, session) for workload in WORKLOADS.values()),
    ]
    if session.points:
        parts += [
            "## How the time grows",
            "64-64-64-10, relu and softmax, 4096 samples, batches of 256, float32, one epoch of "
            "gradient descent; one of these varied at a time.",
            "![nnlib's time over samples, width and depth](scaling.svg)",
            scaling_table(session),
        ]
    if session.descents:
        parts += [
            "## Time to a given cost",
            "Float64, one thread, all from the same weights, with the best learning rate and batch "
            "size of one short list ([rates.py](../rates.py)). In brackets: the epochs it took, or "
            "the iterations of the methods that search along a line.",
            reaching_table(session),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def some_tables(session: Session) -> str:
    """The tables of what was measured, without the rest of the report."""
    parts = [machine_line(session)]
    parts += [workload_table(workload, session) for workload in WORKLOADS.values()]
    parts += [scaling_table(session), reaching_table(session)]
    return "\n\n".join(part for part in parts if part)


def _verdict(session: Session) -> str:
    """How many goals are reached."""
    values = [(goal, goal.measure(session)) for goal in GOALS]
    judged = [goal.reached(value) for goal, value in values if value is not None]
    text = f"{sum(judged)} of {len(GOALS)} goals are reached"
    if len(judged) < len(GOALS):
        text += f", {len(GOALS) - len(judged)} were not measured"
    return text + "; [the report](../bench/results/REPORT.md) names each, and has every row."


def refreshed(page: str, name: str, part: str) -> str:
    """The page with the part between a name's two markers, every other character as it was.

    Raises
    ------
    ValueError
        If the markers are not there exactly once, in this order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if len(pattern.findall(page)) != 1 or page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page must hold one line {begin} and after it one line {end}")
    return pattern.sub(lambda match: f"{match[1]}{part}\n{match[2]}", page)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report; write it with its figures, and refresh the page, if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("record", type=Path, help="JSON that `python -m bench` wrote")
    parser.add_argument(
        "--beside", type=Path, nargs="*", default=(), help="records of other processors"
    )
    parser.add_argument("--report", type=Path, help="Markdown file, its figures go beside it")
    parser.add_argument("--page", type=Path, help="file with the marker comments")
    options = parser.parse_args(arguments)
    session = load(options.record)
    others = [load(path) for path in options.beside]
    text = report(session, others)
    print(text)
    if options.report:
        options.report.write_text(text, encoding="utf-8")
        peer_chart(session, options.report.with_name("peers.svg"))
        if session.points:
            scaling_chart(session, options.report.with_name("scaling.svg"))
    if options.page:
        page = options.page.read_text(encoding="utf-8")
        page = refreshed(page, MARKER, page_part(session, others))
        options.page.write_text(page, encoding="utf-8")
