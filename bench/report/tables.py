"""The tables of the report, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..measure.calibration import ELSEWHERE
from ..measure.measurement import Descent, Measurement, Session
from ..problems.real_problems import REAL_PROBLEMS
from ..problems.workload import Workload
from ..rows.scaling import AXES
from ..rows.workloads import WORKLOADS
from .goals import GOALS, Goal, best_peer
from .units import quantity, significant, time_text

# The columns of the table of ratios; their order is the chart's too.
PEERS = ("NumPy", "scikit-learn", "PyTorch", "PyTorch compiled", "JAX", "FANN")


def machine_line(session: Session) -> str:
    """Processor, threads, versions, compiler, and whether anything else was running."""
    machine = session.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    kernel = machine.get("blas_kernel")
    return (
        f"Measured on {machine['processor']}, {machine['threads']} of {machine['cores']} "
        f"processors; Python {machine['python']}, {versions}; "
        + (f"OpenBLAS for {kernel}; " if kernel else "")
        + f"{machine['compiler'] or 'no C compiler'}. {state_text(session)}"
    )


def state_text(session: Session) -> str:
    """Whether the machine was idle, and how that is known."""
    state = session.state
    return "Whether the machine was idle was not measured." if state is None else str(state)


def other_lines(others: Sequence[Session]) -> str:
    """Where the table's last columns come from, or nothing if there are none."""
    lines = []
    for other in others:
        versions = other.machine["versions"]
        older = "" if other.tried_forms else " Peers had one form each then, not their best."
        lines.append(
            f"On {other.machine['processor']}: {other.machine['threads']} processors, "
            f"{other.machine['date']}, jax {versions.get('jax', '–')}, "
            f"torch {versions.get('torch', '–')}. {state_text(other)}{older}"
        )
    return "\n\n".join(lines)


def ratio_table(session: Session, others: Sequence[Session] = ()) -> str:
    """One line per workload: nnlib's time, the peers' in units of it, its part of the limit.

    Sessions on other processors add two columns each: the best peer there, and the limit.
    """
    header = ["", "nnlib", "best peer", *PEERS, "of the limit"]
    for other in others:
        place = f"on {other.machine['processor']}"
        header += [f"best peer {place}", f"of the limit {place}"]
    lines = [_line(header), _line(["---", *["---:"] * (len(header) - 1)])]
    for workload in compared_workloads(session):
        own = workload.name, workload.ours
        cells = [
            f"{workload.title}, one {workload.unit}",
            time_text(session.rows[own].seconds),
            _best_cell(session, own),
            *(_ratio_cell(session, own, (workload.name, peer)) for peer in PEERS),
            percent(limit_fraction(session, *own)),
        ]
        for other in others:
            cells += [_best_cell(other, own), percent(limit_fraction(other, *own))]
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

    The limit is the fastest C program where there is one, and else one large matrix product by
    NumPy's BLAS, with the row's dtype and threads.
    """
    table = WORKLOADS.get(workload)
    if table is not None and table.limits:
        limit = session.fastest(workload, table.limits)
        return None if limit is None else session.ratio((workload, limit), (workload, row))
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
    has_limit = bool(workload.limits) or workload.flops > 0
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
    lines += _tried_lines(measured) + _disturbed_lines(measured)
    missing = [name for name in workload.implementations if name not in measured]
    if missing:
        lines += ["", f"Not measured here: {', '.join(missing)} (`pytest bench -rs` says why)."]
    return "\n".join(lines)


def goal_table(session: Session, notes: str, others: Sequence[Session] = ()) -> str:
    """Markdown table of the goals; those that are missed point to a heading of the notes."""
    header = ["goal", "", "wanted", "why so much", "measured", "reached"]
    header += [f"on {other.machine['processor']}" for other in others]
    aligned = ["---", "---", "---:", "---", "---:", "---", *["---:"] * len(others)]
    lines = [_line(header), _line(aligned)]
    for goal in GOALS:
        value = goal.measure(session)
        wanted = f"{'≥' if goal.at_least else '≤'} {goal.show(goal.bound)}"
        if value is None:
            reached = "not measured"
        elif goal.reached(value):
            reached = "yes"
        else:
            reached = f"**no**: [why]({notes}#{goal.workload.replace(' ', '-')})"
        cells = [WORKLOADS[goal.workload].title, goal.title, wanted, goal.why]
        cells += [_goal_cell(goal, session), reached]
        lines.append(_line([*cells, *(_goal_cell(goal, other) for other in others)]))
    return "\n".join(lines)


def _goal_cell(goal: Goal, session: Session) -> str:
    value = goal.measure(session)
    return "–" if value is None else goal.show(value)


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


def _tried_lines(measured: Mapping[str, Measurement]) -> list[str]:
    """The form that stands in the table for each row, and the others in units of its time."""
    lines = []
    for name, row in measured.items():
        if row.form and len(row.tried) > 1:
            best = row.tried[row.form]
            others = [
                f"{form} {significant(seconds / best)} ×"
                for form, seconds in row.tried.items()
                if form != row.form
            ]
            lines.append(f"- {name}: *{row.form}*; {'; '.join(others)}")
    return ["", "Forms tried, the fastest is in the table:", "", *lines] if lines else []


def _disturbed_lines(measured: Mapping[str, Measurement]) -> list[str]:
    """Rows during which other processes had more of the processors than an idle machine's."""
    found = [
        f"{name} ({percent(row.elsewhere)})"
        for name, row in measured.items()
        if row.elsewhere is not None and row.elsewhere > ELSEWHERE
    ]
    return ["", f"Other processes ran meanwhile: {', '.join(found)}."] if found else []


def _best_cell(session: Session, own: tuple[str, str]) -> str:
    best = best_peer(session, own[0])
    return _ratio_cell(session, own, (own[0], best)) if best else "–"


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
