"""The table of a run, as Markdown: what was measured, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .ceilings import BANDWIDTH, PRODUCTS
from .goals import verdicts
from .measure.rows import CHECKED, FAILED, MEASURED, SKIPPED, Row

TITLES = {
    "populations": "Populations",
    "narrow": "One network, 64 wide",
    "wide": "One network, 1024 wide",
    "streaming": "Data larger than the room on the GPU",
}
_HEAD = (
    "| workload | program | rate | unit | with transfers | once | spread | FLOP ceiling | "
    "bandwidth | from float64 |"
)


def markdown(facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """The whole page."""
    lines = [f"# {facts['gpu']}", "", *_facts(facts), "", *_goals(rows), *_ceilings(rows)]
    for section, title in TITLES.items():
        lines += _section(section, title, rows)
    lines += [*_kernels(rows), *_failures(rows)]
    return "\n".join(lines) + "\n"


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    yield "`python -m bench.gpu`; every result was compared with float64 on the processor first."
    yield ""
    smi = facts["nvidia-smi"] or {}
    for name, value in smi.items():
        yield f"- {name}: {value}"
    if facts["processors"] is not None:
        yield f"- multiprocessors: {facts['processors']}"
    yield f"- Python {facts['python']}"
    yield "- " + ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    yield f"- took {facts['seconds']:.0f} s"


def _goals(rows: Sequence[Row]) -> Iterator[str]:
    found = verdicts(rows)
    if not found:
        return
    yield "## Goals"
    yield ""
    yield "| goal | workload | nnlib / best peer | peer | |"
    yield "|---|---|---|---|---|"
    for verdict in found:
        words = {True: "reached", False: "missed", None: "not measured"}
        times = "" if verdict.times is None else f"{verdict.times:.3g} ×"
        yield (
            f"| {verdict.goal.title} | {verdict.workload} | {times} | {verdict.peer} | "
            f"{words[verdict.reached]} |"
        )
    yield ""


def _ceilings(rows: Sequence[Row]) -> Iterator[str]:
    chosen = [row for row in rows if row.section in ("ceilings", "transfers")]
    done = [row for row in chosen if row.status in (MEASURED, CHECKED)]
    if not done:
        return
    yield "## What the GPU itself does"
    yield ""
    yield "| what | by | rate |"
    yield "|---|---|---|"
    for row in done:
        yield f"| {row.workload} | {row.program} | {_rate(row)} |"
    yield ""


def _section(section: str, title: str, rows: Sequence[Row]) -> Iterator[str]:
    done = [row for row in rows if row.section == section and row.status in (MEASURED, CHECKED)]
    if not done:
        return
    yield f"## {title}"
    yield ""
    yield _HEAD
    yield "|---" * _HEAD.count(" | ") + "|---|"
    bandwidth = ceiling(rows, BANDWIDTH)
    order = list(dict.fromkeys(row.workload for row in done))
    for row in sorted(done, key=lambda row: order.index(row.workload)):
        *_, precision = row.program.lower().split(", ")
        products = PRODUCTS.get(precision, PRODUCTS["float32"])
        parts = (
            row.workload,
            row.program,
            "not timed" if row.rate is None else f"{row.rate:.3g}",
            row.unit,
            "" if row.whole is None else f"{row.whole:.3g}",
            "" if row.once is None else f"{1000 * row.once:.3g} ms",
            "" if row.spread is None else f"{row.spread:.0%}",
            _part(row.flops, None if precision == "bf16" else ceiling(rows, products)),
            _part(row.bytes, bandwidth),
            "" if row.error is None else f"{row.error:.0e}",
        )
        yield f"| {' | '.join(parts)} |"
    yield ""


def ceiling(rows: Sequence[Row], workload: str) -> float | None:
    """The best that was measured of the GPU itself."""
    rates = [row.rate for row in rows if row.section == "ceilings" and row.workload == workload]
    return max((rate for rate in rates if rate is not None), default=None)


def _part(rate: float | None, of: float | None) -> str:
    return "" if rate is None or of is None else f"{rate / of:.2%}"


def _rate(row: Row) -> str:
    if row.rate is None:
        return "not timed"
    return (
        f"{row.rate / 1e12:.3g} T{row.unit}"
        if row.rate > 1e12
        else f"{row.rate / 1e9:.3g} G{row.unit}"
    )


def _kernels(rows: Sequence[Row]) -> Iterator[str]:
    checks = [row for row in rows if row.section == "kernels"]
    if not checks:
        return
    yield "## Every kernel against float64 on the processor"
    yield ""
    yield "| descent | check | largest difference | allowed | |"
    yield "|---|---|---|---|---|"
    for row in checks:
        error = "" if row.error is None else f"{row.error:.1e}"
        limit = "" if row.limit is None else f"{row.limit:.0e}"
        word = "right" if row.status == CHECKED else "**wrong**"
        yield f"| {row.workload} | {row.program} | {error} | {limit} | {word} |"
    yield ""


def _failures(rows: Sequence[Row]) -> Iterator[str]:
    chosen = [row for row in rows if row.status in (FAILED, SKIPPED)]
    if not chosen:
        return
    yield "## Not measured"
    yield ""
    yield "| what | program | why |"
    yield "|---|---|---|"
    for row in chosen:
        why = row.message or f"off by {row.error:.1e}"
        yield f"| {row.section}: {row.workload} | {row.program} | {why.replace('|', '¦')} |"
    yield ""
