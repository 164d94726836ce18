"""The tables of the report, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .goals import GOALS, best_peer
from .measurement import Descent, Measurement, Session
from .real_problems import REAL_PROBLEMS
from .scaling import AXES
from .units import quantity, significant, time_text
from .workload import Workload
from .workloads import WORKLOADS

# The columns of the table of ratios; their order is the chart's too.
PEERS = ("NumPy", "scikit-learn", "PyTorch", "PyTorch compiled", "JAX", "FANN")

# A load average, per processor, above which other work must have taken time from the rows.
_IDLE = 0.5
_BUSY = (
    " **The machine was busy** (load average {load:.1f} when the run began): libraries whose "
    "threads wait for each other look slower than they are, and no ratio is exact."
)


def machine_line(machine: Mapping[str, Any]) -> str:
    """Processor, threads, versions, compiler, and whether anything else was running."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['threads']} of {machine['cores']} "
        f"processors; Python {machine['python']}, {versions}; "
        f"{machine['compiler'] or 'no C compiler'}."
        + (_BUSY.format(**machine) if machine["load"] > _IDLE * machine["threads"] else "")
    )


def ratio_table(session: Session) -> str:
    """One line per workload: nnlib's time, the peers' in units of it, its part of the limit."""
    header = ["", "nnlib", "best peer", *PEERS, "of the limit"]
    lines = [_line(header), _line(["---", *["---:"] * (len(header) - 1)])]
    for workload in compared_workloads(session):
        own = workload.name, workload.ours
        best = best_peer(session, workload.name)
        cells = [
            f"{workload.title}, one {workload.unit}",
            time_text(session.rows[own].seconds),
            _ratio_cell(session, own, (workload.name, best)) if best else "–",
            *(_ratio_cell(session, own, (workload.name, peer)) for peer in PEERS),
            percent(limit_fraction(session, *own)),
        ]
        lines.append(_line(cells))
    return "\n".join(lines)


def compared_workloads(session: Session) -> list[Workload]:
    """The workloads that have peers, as far as nnlib and one of them were measured."""
    return [
        workload
        for workload in WORKLOADS.values()
        if (workload.name, workload.ours) in session.rows and best_peer(session, workload.name)
    ]


def limit_fraction(session: Session, workload: str, row: str) -> float | None:
    """How much of what the machine can do a row reaches; None where no limit is known.

    The limit is the C program where there is one, and else one large matrix product by
    NumPy's BLAS, with the row's dtype and threads.
    """
    table = WORKLOADS.get(workload)
    if table is not None and table.limit is not None:
        return session.ratio((workload, table.limit), (workload, row))
    return session.roofline((workload, row))


def workload_table(workload: Workload, session: Session) -> str:
    """Markdown table of one workload, or nothing if none of its rows was measured."""
    measured = {
        name: session.rows[workload.name, name]
        for name in workload.implementations
        if (workload.name, name) in session.rows
    }
    if not measured:
        return ""
    has_limit = workload.limit is not None or workload.flops > 0
    own = measured.get(workload.ours)
    header = ["", f"one {workload.unit}", "spread", "once"]
    header += [f"÷ {workload.ours}"] * (own is not None)
    header += ["GFLOP/s"] * (workload.flops > 0) + ["of the limit"] * has_limit
    lines = [f"### {workload.title}", "", f"{workload.description}.{_work(workload)}", ""]
    lines += [_line(header), _line(["---", *["---:"] * (len(header) - 1)])]
    for name, row in measured.items():
        cells = [name, time_text(row.seconds), f"{row.spread:.0%}", _once(row.once)]
        cells += [significant(row.seconds / own.seconds)] if own else []
        cells += [_rate(row)] if workload.flops else []
        cells += [percent(limit_fraction(session, workload.name, name))] if has_limit else []
        lines.append(_line([f"**{cell}**" for cell in cells] if name == workload.ours else cells))
    missing = [name for name in workload.implementations if name not in measured]
    if missing:
        lines += ["", f"Not measured here: {', '.join(missing)} (`pytest bench -rs` says why)."]
    return "\n".join(lines)


def goal_table(session: Session, notes: str) -> str:
    """Markdown table of the goals; those that are missed point to a heading of the notes."""
    header = ["goal", "", "wanted", "measured", "reached"]
    lines = [_line(header), _line(["---", "---", "---:", "---:", "---"])]
    for goal in GOALS:
        value = goal.measure(session)
        wanted = f"{'≥' if goal.at_least else '≤'} {goal.show(goal.bound)}"
        if value is None:
            measured, reached = "–", "not measured"
        elif goal.reached(value):
            measured, reached = goal.show(value), "yes"
        else:
            measured = goal.show(value)
            reached = f"**no**: [why]({notes}#{goal.workload.replace(' ', '-')})"
        title = WORKLOADS[goal.workload].title
        lines.append(_line([title, goal.title, wanted, measured, reached]))
    return "\n".join(lines)


def scaling_table(session: Session) -> str:
    """Markdown table of how nnlib's time grows, or nothing if no point was taken."""
    header = ["", "", "1 thread", "GFLOP/s", "all processors", "GFLOP/s"]
    lines = [_line(header), _line(["---", *["---:"] * (len(header) - 1)])]
    found = {(point.axis, point.value, point.threads): point for point in session.points}
    for axis, values in AXES.items():
        for value in values:
            points = [found.get((axis, value, threads)) for threads in (1, None)]
            cells = [
                cell
                for point in points
                for cell in (
                    (time_text(point.seconds), significant(point.gflops)) if point else ("–", "–")
                )
            ]
            if any(points):
                lines.append(_line([axis, str(value), *cells]))
    return "\n".join(lines) if found else ""


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


def percent(value: float | None) -> str:
    """A part as the tables show it.

    Examples
    --------
    >>> percent(0.876), percent(0.0123), percent(None)
    ('88%', '1.2%', '–')
    """
    if value is None:
        return "–"
    return f"{value:.1%}" if value < 0.1 else f"{value:.0%}"


def _ratio_cell(session: Session, own: tuple[str, str], other: tuple[str, str]) -> str:
    ratio = session.ratio(other, own)
    return "–" if ratio is None else f"{significant(ratio)} ×"


def _work(workload: Workload) -> str:
    """What the shapes say of the work, if anything."""
    parts = []
    if workload.flops:
        parts.append(f"{quantity(workload.flops / workload.units)}FLOP of matrix products")
    if workload.bytes:
        parts.append(f"at least {quantity(workload.bytes / workload.units)}B touched")
    return f" One {workload.unit}: {', '.join(parts)}." if parts else ""


def _once(seconds: float) -> str:
    """Below a millisecond it is the difference of two noises."""
    return time_text(seconds) if seconds >= 1e-3 else "–"


def _rate(row: Measurement) -> str:
    return "–" if row.gflops is None else significant(row.gflops)


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


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
