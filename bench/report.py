"""Turn pytest-benchmark's JSON into the README's tables and a chart.

``python -m bench.report RESULTS.json [--readme README.md] [--chart exercise.svg]``
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .chart import bar_chart
from .goals import GOALS
from .measurement import Descent, Measurement, Session, load
from .real_problems import REAL_PROBLEMS
from .units import significant, time_text
from .workload import Workload
from .workloads import BLAS, EXERCISE, WORKLOADS

# Names of the README's two parts that the report writes, see `refreshed`.
SPEED, REACHING = "benchmark table", "time to a cost"
CHART = Path(__file__).parent / "results" / "exercise.svg"


def readme_parts(session: Session) -> dict[str, str]:
    """What stands between each pair of markers of the README."""
    return {SPEED: markdown(session), REACHING: reaching_table(session)}


def print_parts(parts: Mapping[str, str]) -> None:
    """The report on standard output."""
    print("\n\n".join(part for part in parts.values() if part))


def markdown(session: Session) -> str:
    """The table of speeds: where it was measured, one table per workload, the goals."""
    parts = [machine_line(session.machine)]
    parts += [workload_table(workload, session) for workload in WORKLOADS.values()]
    parts.append(goal_table(session))
    return "\n\n".join(part for part in parts if part)


def machine_line(machine: dict[str, Any]) -> str:
    """Processor, cores, threads, versions, compiler."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, "
        f"BLAS threads: {machine['threads']}; Python {machine['python']}, {versions}; "
        f"{machine['compiler'] or 'no C compiler'}. Medians; the spread is the distance between "
        "the quartiles, as a part of the median."
    )


def workload_table(workload: Workload, session: Session) -> str:
    """Markdown table of one workload, or nothing if none of its rows was measured."""
    measured = {
        name: session.rows[workload.name, name]
        for name in workload.implementations
        if (workload.name, name) in session.rows
    }
    if not measured:
        return ""
    compared = [name for name in (workload.limit, workload.ours) if name in measured]
    header = ["", f"one {workload.unit}", "spread", *(f"÷ {name}" for name in compared)]
    if workload.flops:
        header += ["GFLOP/s", f"of {BLAS.ours}'s product"]
    lines = [f"**{workload.title}**: {workload.description}.", "", _line(header)]
    lines.append(_line(["---", *["---:"] * (len(header) - 1)]))
    for name, measurement in measured.items():
        cells = [name, time_text(measurement.seconds), f"{measurement.spread:.0%}"]
        cells += [significant(measurement.seconds / measured[other].seconds) for other in compared]
        if workload.flops:
            cells += _rate_cells(measurement, session, (workload.name, name))
        lines.append(_line([f"**{cell}**" for cell in cells] if name == workload.ours else cells))
    missing = [name for name in workload.implementations if name not in measured]
    if missing:
        lines += ["", f"Not measured here: {', '.join(missing)} (`pytest bench -rs` says why)."]
    return "\n".join(lines)


def goal_table(session: Session) -> str:
    """Markdown table of the goals, those missed included."""
    lines = [
        _line(["goal", "wanted", "measured", "reached"]),
        _line(["---", "---:", "---:", "---"]),
    ]
    for goal in GOALS:
        value = goal.measure(session)
        wanted = f"{'≥' if goal.at_least else '≤'} {goal.show(goal.bound)}"
        if value is None:
            lines.append(_line([goal.title, wanted, "–", "not measured"]))
        else:
            reached = "yes" if goal.reached(value) else "**no**"
            lines.append(_line([goal.title, wanted, goal.show(value), reached]))
    return "\n".join(lines)


def reaching_table(session: Session) -> str:
    """Markdown table of the times to a cost, a column per problem, or nothing if none was taken.

    A cell is the median time and the epochs it took, with the passes over all examples where they
    are more than one an epoch.
    """
    names = list(dict.fromkeys(name for _, name in session.descents))
    if not names:
        return ""
    problems = [
        problem
        for problem in REAL_PROBLEMS
        if any(problem.name == measured for measured, _ in session.descents)
    ]
    lines = [f"- **{problem.name}**: {problem.description}" for problem in problems]
    lines += ["", _line(["", *(f"{problem.name}, J ≤ {problem.target:g}" for problem in problems)])]
    lines.append(_line(["---", *["---:"] * len(problems)]))
    for name in names:
        cells = [_reaching_cell(session.descents.get((problem.name, name))) for problem in problems]
        lines.append(_line([name, *cells]))
    return "\n".join(lines)


def _reaching_cell(descent: Descent | None) -> str:
    if descent is None:
        return "–"
    if not descent.reached:
        return (
            f"not reached: J = {significant(descent.cost)} after {descent.epochs} epochs, "
            f"{time_text(descent.seconds)}"
        )
    count = f"{descent.epochs}"
    if descent.evaluations not in (None, descent.epochs):
        count += f", {descent.evaluations} passes"
    return f"{time_text(descent.seconds)} ({count})"


def refreshed(readme: str, name: str, report: str) -> str:
    """The README with the report between a name's two markers, every other character as it was.

    Raises
    ------
    ValueError
        If the markers are not there exactly once, in this order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if len(pattern.findall(readme)) != 1 or readme.count(begin) != 1 or readme.count(end) != 1:
        raise ValueError(f"the README must hold one line {begin} and after it one line {end}")
    return pattern.sub(lambda match: f"{match[1]}{report}\n{match[2]}", readme)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report, draw the chart, refresh the README if asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("results", type=Path, help="JSON of pytest-benchmark")
    parser.add_argument("--readme", type=Path, help="file with the marker comments")
    parser.add_argument("--chart", type=Path, default=CHART, help="SVG or PNG to write")
    options = parser.parse_args(arguments)
    session = load(options.results)
    parts = readme_parts(session)
    print_parts(parts)
    if any(workload == EXERCISE.name for workload, _ in session.rows):
        bar_chart(EXERCISE, session, options.chart)
    if options.readme:
        text = options.readme.read_text(encoding="utf-8")
        for name, part in parts.items():
            text = refreshed(text, name, part)
        options.readme.write_text(text, encoding="utf-8")


def _rate_cells(
    measurement: Measurement, session: Session, row: tuple[str, str]
) -> tuple[str, str]:
    fraction = session.rate_ratio(row, (BLAS.name, BLAS.ours))
    rate = "–" if measurement.gflops is None else significant(measurement.gflops)
    return rate, "–" if fraction is None else f"{fraction:.0%}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
