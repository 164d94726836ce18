"""How many sunspots will there be? Recurrent networks beside persistence and a linear model.

    pip install statsmodels; python examples/sunspots.py

statsmodels ships the yearly numbers of 1700 to 2008. Without it a series is invented here. The
networks read the years up to 1920 and are tested on those behind: a split in time, as a forecast
needs it. Persistence says that next year will be like this one; the linear model is a sum of the
last eleven years, and hard to beat where 220 years are known. All three forecast eleven years by
reading their own forecasts; the networks' are the mean of five with other initial weights. The
figures show the years of the test, and the errors by how far the forecast looks ahead.

Source of the data: WDC-SILSO, Royal Observatory of Belgium, https://www.sidc.be/SILSO.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnlib
from nnlib import layers

Array = NDArray[Any]

WINDOW = 44  # years of an example
HORIZON = 11  # how far the forecasts go, about the length of a cycle
NETWORKS = 5
SPLIT = 1920  # the last year of training


def sunspots() -> tuple[Array, Array]:
    """Years, and their numbers: those of statsmodels, or invented ones."""
    print("get newer numbers from https://www.sidc.be/SILSO")
    try:
        from statsmodels.datasets import sunspots as known
    except ImportError:
        print("statsmodels is not installed; the numbers are invented here")
        return invented(1700, 2008)
    table = known.load_pandas().data
    return table["YEAR"].to_numpy().astype(int), table["SUNACTIVITY"].to_numpy()


def invented(first: int, last: int) -> tuple[Array, Array]:
    """Cycles of ten to twelve years with a steep rise, of heights that change slowly."""
    rng = np.random.default_rng(0)
    years = np.arange(first, last + 1)
    phase = np.cumsum(2 * np.pi / 11 + rng.normal(scale=0.05, size=len(years)))
    height = 70 + 30 * np.sin(2 * np.pi * years / 90)
    cycle = np.exp(1.5 * np.cos(phase + 0.5 * np.sin(phase))) / np.e**1.5
    return years, np.maximum(0, height * cycle * (1 + 0.1 * rng.normal(size=len(years))))


def scaled(numbers: Array) -> Array:
    """Roots of the numbers, so that large cycles are not all that counts, around 0."""
    return np.sqrt(numbers) / 4 - 1.5


def unscaled(values: Array) -> Array:
    """The numbers again."""
    return np.maximum(4 * (values + 1.5), 0) ** 2


def trained(values: Array, epochs: int, seed: int) -> tuple[nnlib.Network, nnlib.History]:
    """A network that gives the next value at every step, trained on all windows of the years."""
    windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW + 1)
    net = nnlib.Network(
        [
            layers.Input((None, 1)),
            layers.GRU(16, return_sequences=True),
            layers.TimeDistributed(layers.Dense(1)),
        ],
        dtype="float32", seed=seed,
    )  # fmt: skip
    history = net.descent(
        windows[:, :-1, None], windows[:, 1:, None], optimizer="adam", learning_rate=0.005,
        batch_size=32, epochs=epochs, weight_decay=1e-4, clip_norm=1.0,
    )  # fmt: skip
    return net, history


def network_forecasts(net: nnlib.Network, values: Array, first: int) -> Array:
    """Forecasts (origins, HORIZON) from every year from number `first` - 1 on."""
    stepper, found = net.stepper(), []
    stepper.read(values[: first - 1, None])
    for value in values[first - 1 : len(values) - 1]:
        stepper([value])  # a year more is known
        found.append(stepper.forecast(HORIZON)[:, 0])
    return np.array(found)


def linear_forecasts(values: Array, first: int) -> Array:
    """The same by least squares on the last eleven years, found from those before `first`."""
    known = np.lib.stride_tricks.sliding_window_view(values[:first], HORIZON + 1)
    A = np.column_stack([known[:, :-1], np.ones(len(known))])
    factors = np.linalg.lstsq(A, known[:, -1], rcond=None)[0]
    found = []
    for origin in range(first, len(values)):
        read = list(values[origin - HORIZON : origin])
        for _ in range(HORIZON):
            read.append(float(np.dot(read[-HORIZON:], factors[:-1]) + factors[-1]))
        found.append(read[HORIZON:])
    return np.array(found)


def persistence(values: Array, first: int) -> Array:
    """The same by the last value."""
    return np.repeat(values[first - 1 : -1, None], HORIZON, axis=1)


def errors(forecasts: Array, numbers: Array, first: int) -> Array:
    """Root mean squared errors by how many years a forecast looks ahead."""
    found = []
    for ahead in range(HORIZON):
        truth = numbers[first + ahead :]
        difference = unscaled(forecasts[: len(truth), ahead]) - truth
        found.append(np.sqrt(np.mean(difference**2)))
    return np.array(found)


def figure_of(draw: Callable[[Any], None]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    draw(figure.subplots())
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=40, help="passes over the windows")
    parser.add_argument("--figures", type=Path, help="folder for the figures; left out: none")
    given = parser.parse_args()
    start = time.perf_counter()
    years, numbers = sunspots()
    first = int(np.searchsorted(years, SPLIT + 1))
    values = scaled(numbers)
    networks, histories = zip(
        *(trained(values[:first], given.epochs, seed) for seed in range(NETWORKS)), strict=True
    )
    print(
        f"{sum(one.seconds for one in histories):6.2f} s  to train {NETWORKS} networks for "
        f"{given.epochs} epochs, {sum(one.compile_seconds for one in histories):.1f} s to compile"
    )
    before = time.perf_counter()
    models = {"GRU": np.mean([network_forecasts(net, values, first) for net in networks], axis=0)}
    print(
        f"{time.perf_counter() - before:6.2f} s  to forecast {NETWORKS * models['GRU'].size} years"
    )
    models["linear"] = linear_forecasts(values, first)
    models["persistence"] = persistence(values, first)
    found = {name: errors(forecasts, numbers, first) for name, forecasts in models.items()}
    print(f"errors on the test years {years[first]} to {years[-1]}, looking ahead by")
    print("             1 year   5 years  11 years")
    for name, by_years in found.items():
        print(f"{name:12}{by_years[0]:7.1f} {by_years[4]:9.1f} {by_years[10]:9.1f}")
    print(f"{time.perf_counter() - start:.1f} s in all")
    if given.figures is None:
        return

    def draw_years(ax: Any) -> None:
        ax.plot(years[first - 30 :], numbers[first - 30 :], color="gray", label="sunspots")
        ax.plot(years[first:], unscaled(models["GRU"][:, 0]), label="GRU, one year ahead")
        for origin in range(first, len(years) - HORIZON, 2 * HORIZON):
            ahead = unscaled(models["GRU"][origin - first])
            label = "GRU, eleven years ahead" if origin == first else None
            ax.plot(years[origin : origin + HORIZON], ahead, "o--", ms=3, color="C1", label=label)
        ax.axvline(SPLIT + 0.5, color="black", lw=0.7)
        ax.set_ylabel("sunspots in a year")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)

    def draw_errors(ax: Any) -> None:
        for name, by_years in found.items():
            ax.plot(range(1, HORIZON + 1), by_years, "o-", ms=3, label=name)
        ax.set_xlabel("years ahead")
        ax.set_ylabel("root mean squared error")
        ax.legend()

    given.figures.mkdir(parents=True, exist_ok=True)
    for name, draw in (("errors", draw_errors), ("forecast", draw_years)):
        path = given.figures / f"sunspots_{name}.png"
        figure_of(draw).savefig(path, dpi=120)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
