"""The bar chart of a workload: time of one unit of work, logarithmic."""

from __future__ import annotations

from pathlib import Path

from .measurement import Session
from .units import in_unit, time_text
from .workload import Workload

_OURS, _LIMIT, _OTHER = "#c0392b", "#7f8c8d", "#5b8db8"


def bar_chart(workload: Workload, session: Session, path: Path) -> None:
    """Draw the rows that were measured, the slowest on top; the file's ending is its format."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = sorted(
        (name for name in workload.implementations if (workload.name, name) in session.rows),
        key=lambda name: session.rows[workload.name, name].seconds,
    )
    seconds = [session.rows[workload.name, name].seconds for name in names]
    # A fixed salt and no date: the same numbers give the same file.
    with mpl.rc_context({"svg.hashsalt": workload.name, "font.size": 11}):
        figure = Figure(figsize=(8, 0.42 * len(names) + 1.3), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        bars = axes.barh(names, seconds, color=[_colour(workload, name) for name in names])
        axes.bar_label(bars, [time_text(value) for value in seconds], padding=4)
        axes.set_xscale("log")
        # Bars on a logarithmic axis need a start; half the fastest leaves every bar visible.
        axes.set_xlim(seconds[0] / 2, seconds[-1] * 4)
        axes.xaxis.set_major_formatter(lambda value, position: "{:.3g} {}".format(*in_unit(value)))
        axes.set_xlabel(f"time of one {workload.unit} (logarithmic)")
        axes.set_title(workload.title + ", " + workload.description.partition(":")[0])
        axes.spines[["top", "right"]].set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)


def _colour(workload: Workload, name: str) -> str:
    if name.startswith("nnlib"):
        return _OURS
    return _LIMIT if name.startswith("C ") else _OTHER
