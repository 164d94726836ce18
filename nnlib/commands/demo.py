"""``python -m nnlib demo``: the lecture's exercise, and how much faster it became."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .. import course
from ..course.lecture_program import scalar_descent
from ..network import Network
from ..training.progress import Progress

CHECKPOINTS = (500, 1000, 5000)
SPAN = (-3.0, 12.0)  # of x in the lecture's figure
# Long enough for a stable time per epoch, short enough to wait for: 20 epochs take 30 ms.
SCALAR_EPOCHS = 20
TIMED_EPOCHS = 200_000


def run(figure_path: Path) -> None:
    """Train, print, time, draw; the figure goes to `figure_path`."""
    system = course.exercise()
    net, X, y = system.network, system.X, system.y
    print(f"The lecture's exercise: {net!r}, {len(X)} points\n")
    print(f"{'epoch':>6}  {'J':>9}  a1 … a7")
    stages: list[tuple[int, Network]] = []
    done = 0
    # The very first run compiles for some seconds, hence a bar from the start.
    with Progress(CHECKPOINTS[-1], None, delay=0, label="training (the first run compiles)") as bar:
        lines = [_line(0, net, X, y)]
        for epochs in CHECKPOINTS:
            history = system.run(epochs=epochs - done, progress=False)
            done = epochs
            bar.update(done, float(history.J[-1]))
            lines.append(_line(done, net, X, y))
            stages.append((done, _copy(net)))
    print("\n".join(lines))
    _compare_times()
    _draw(stages, X, y, figure_path)


def coefficients(net: Network) -> list[float]:
    """a1 … a7, where W1 = [[a1], [a3]], b1 = [a2, a4], W2 = [[a5, a6]], b2 = [a7].

    >>> coefficients(course.exercise().network)
    [0.0, 1.0, 0.0, -1.0, 1.0, 1.0, -1.0]
    """
    a1, a3, a2, a4, a5, a6, a7 = map(float, net.parameters)
    return [a1, a2, a3, a4, a5, a6, a7]


def _line(epoch: int, net: Network, X: Any, y: Any) -> str:
    values = "  ".join(f"{a:9.5f}" for a in coefficients(net))
    return f"{epoch:6d}  {net.J(X, y, reduction='sum'):9.6f}  {values}"


def _copy(net: Network) -> Network:
    copy = Network(net.sizes, net.activations, net.loss, net.dtype)
    copy.parameters = net.parameters
    return copy


def _compare_times() -> None:
    """Time per epoch, the lecture's program beside the compiled one, on the same data."""
    system = course.exercise()
    points = list(zip(system.X.tolist(), system.y.tolist(), strict=True))
    start = time.perf_counter()
    scalar_descent(points, coefficients(system.network), 0.1, SCALAR_EPOCHS)
    scalar = (time.perf_counter() - start) / SCALAR_EPOCHS
    compiled = system.run(epochs=TIMED_EPOCHS).seconds / TIMED_EPOCHS
    print(f"\ntime per epoch  lecture's scalar program {scalar * 1e6:9.1f} µs")
    print(f"                nnlib                    {compiled * 1e6:9.3f} µs")
    print(f"                ratio                    {scalar / compiled:9.0f}")


def _draw(stages: list[tuple[int, Network]], X: Any, y: Any, figure_path: Path) -> None:
    """The lecture's figure: the curve after each stage over the red and blue points."""
    from ..figures.curves import draw_curve, draw_points, new_axes, save

    try:
        ax = new_axes(interactive=False)
    except ImportError as error:
        print(f"\nno figure: {error}")
        return
    draw_points(ax, X, y)
    colors = ("0.75", "0.45", "black")
    for (epochs, net), color in zip(stages, colors, strict=True):
        draw_curve(ax, net, SPAN, label=f"{epochs} epochs", color=color)
    ax.set(xlabel="x", ylabel="F(x)", ylim=(-0.05, 1.1))
    ax.legend(loc="upper right")
    save(ax, figure_path)
    print(f"\nfigure: {figure_path.resolve()}")
