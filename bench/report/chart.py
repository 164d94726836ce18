"""The two figures of the report; the same numbers give the same file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..measure.measurement import Session
from ..rows.scaling import AXES, THREADS
from .tables import PEERS, compared_workloads
from .units import in_unit, time_text

_OURS = "#c0392b"
# Colours and marks of the peers: told apart without colours as well.
_MARKS = dict(
    zip(
        PEERS,
        (("#7f8c8d", "s"), ("#8e6bbf", "D"), ("#e08e0b", "^"), ("#a6611a", "v"), ("#2b7bba", "o"),
         ("#3a9d5d", "P")),
        strict=True,
    )
)  # fmt: skip


def peer_chart(session: Session, path: Path) -> None:
    """Each peer's time in units of nnlib's, a line per workload; the file's ending is its format.

    Right of the line at 1 the peer is slower than nnlib.
    """
    workloads = compared_workloads(session)
    with _figure((9, 0.42 * len(workloads) + 1.6), path) as figure:
        axes = figure.add_subplot()
        for name, (colour, mark) in _MARKS.items():
            points = [
                (session.ratio((workload.name, name), (workload.name, workload.ours)), height)
                for height, workload in enumerate(reversed(workloads))
            ]
            found = [(ratio, height) for ratio, height in points if ratio is not None]
            if found:
                axes.plot(*zip(*found, strict=True), mark, color=colour, label=name, markersize=7)
        axes.axvline(1, color=_OURS, linewidth=2)
        labels = [
            f"{workload.title}\n{time_text(session.rows[workload.name, workload.ours].seconds)} "
            f"each {workload.unit}"
            for workload in reversed(workloads)
        ]
        axes.set_yticks(range(len(workloads)), labels, fontsize=9)
        axes.grid(axis="y", alpha=0.3)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, position: f"{value:g} ×")
        axes.set_xlabel("time in units of nnlib's (red line, its time at the left), logarithmic")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=len(_MARKS), frameon=False, fontsize=9)


def scaling_chart(session: Session, path: Path) -> None:
    """Time of one epoch over samples, width and depth, both axes logarithmic."""
    with _figure((10, 3.4), path) as figure:
        all_axes = figure.subplots(1, len(AXES), sharey=True)
        for axes, (axis, values) in zip(all_axes, AXES.items(), strict=True):
            for threads, style in zip(THREADS, ("o--", "s-"), strict=True):
                points = [
                    (point.value, point.seconds)
                    for point in session.points
                    if (point.axis, point.threads) == (axis, threads)
                ]
                if points:
                    label = "all processors" if threads is None else f"{threads} thread"
                    axes.plot(*zip(*sorted(points), strict=True), style, color=_OURS, label=label,
                              markersize=4, alpha=1 if threads is None else 0.6)  # fmt: skip
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(values, [str(value) for value in values], fontsize=9)
            axes.minorticks_off()
            axes.yaxis.set_major_formatter(_time_tick)
            axes.set_xlabel(axis)
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        all_axes[0].set_ylabel("one epoch")
        all_axes[0].legend(frameon=False, fontsize=9)


def _time_tick(value: float, position: int) -> str:
    return "{:.3g} {}".format(*in_unit(value))


@contextmanager
def _figure(size: tuple[float, float], path: Path) -> Iterator[Any]:
    """A figure that is written when the block ends."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same numbers give the same file.
    with mpl.rc_context({"svg.hashsalt": path.stem, "font.size": 11}):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)
