"""The recurrent networks that are timed: a layer that goes through sequences, then a dense unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .workload import Array

SAMPLES = 320
GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


@dataclass(frozen=True)
class RecurrentProblem:
    """A descent by Adam of the last state's dense unit, J the mean of half squared errors.

    Attributes
    ----------
    kind
        Of `GATES`, which stand in Keras' order.
    X, y
        Sequences (n, time, features) and targets (n, 1), float64.
    arrays
        W (gates · units, features), b, U (gates · units, units), and b_U of a GRU.
    last
        W and b of the dense unit.
    batch_size, rate
        Examples per step, in the order of the data, and α.
    """

    kind: str
    X: Array
    y: Array
    arrays: tuple[Array, ...]
    last: tuple[Array, Array]
    batch_size: int
    rate: float = 0.001

    @property
    def units(self) -> int:
        """How many values the state has."""
        return int(self.arrays[2].shape[1])


def recurrent_of(
    kind: str, shape: tuple[int, int], units: int, batch_size: int, samples: int = SAMPLES
) -> RecurrentProblem:
    """Noise; the target of a sequence is tanh Σ_t 0.9^(T−t) x_t of the first feature."""
    rng = np.random.default_rng(0)
    time, features = shape
    X = rng.normal(size=(samples, time, features))
    y = np.tanh(X[..., 0] @ 0.9 ** np.arange(time)[::-1])[:, None]
    sums = GATES[kind] * units
    arrays = [
        rng.normal(size=(sums, features)) / np.sqrt(features + units),
        rng.normal(size=sums) * 0.1,
        rng.normal(size=(sums, units)) / np.sqrt(features + units),
    ]
    if kind == "GRU":
        arrays.append(rng.normal(size=sums) * 0.1)
    last = rng.normal(size=(1, units)) / np.sqrt(units), np.zeros(1)
    return RecurrentProblem(kind, X, y, tuple(arrays), last, batch_size)


def drawn(problem: RecurrentProblem, dtype: str) -> Any:
    """nnlib's network: the recurrent layer, then a dense unit."""
    import nnlib
    from nnlib import layers

    layer = getattr(layers, problem.kind)(problem.units)
    shape = problem.X.shape[1:]
    return nnlib.Network([layers.Input(shape), layer, layers.Dense(1, "identity")], dtype=dtype)


@dataclass(frozen=True)
class RecurrentPopulation:
    """Many descents of one network, from starts of their own.

    Attributes
    ----------
    network
        Its own start is not used.
    seeds
        nnlib's seeds of the members.
    epochs
        How many each member trains.
    """

    network: RecurrentProblem
    seeds: range
    epochs: int

    def drawn(self, dtype: str) -> Any:
        """nnlib's network."""
        return drawn(self.network, dtype)

    def arrays(self) -> list[Array]:
        """Each array of all members (n, …), as nnlib draws them and in its order."""
        from nnlib.population.starts import starts

        flat = starts(self.drawn("float64"), None, self.seeds)[0]
        own = [part.shape for part in (*self.network.arrays, *self.network.last)]
        ends = np.cumsum([int(np.prod(shape)) for shape in own])[:-1]
        parts = np.split(flat, ends, axis=1)
        return [part.reshape(-1, *shape) for part, shape in zip(parts, own, strict=True)]


def population_of_lstms() -> RecurrentPopulation:
    """64 LSTMs 8 → 32 on 64 sequences of 32 steps, two batches an epoch."""
    network = recurrent_of("LSTM", (32, 8), 32, 32, samples=64)
    return RecurrentPopulation(network, range(64), epochs=2)


def recurrent_flops(kind: str, shape: tuple[int, int], units: int) -> int:
    """Of an epoch's products: each forward, and for its gradient and its δ, but for δ of x."""
    time, features = shape
    sums = GATES[kind] * units
    return 2 * SAMPLES * (time * sums * (2 * features + 3 * units) + 3 * units)
