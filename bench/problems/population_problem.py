"""The populations that are timed: a network's problem, and where its members differ."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from . import problem as problems
from .problem import Problem
from .workload import Array, UnavailableError

# A call of PyTorch takes two seconds for so many, one of nnlib 15 ms.
EXERCISE_EPOCHS = 300
DIGIT_EPOCHS = 20


@dataclass(frozen=True)
class PopulationProblem:
    """Many descents of one network.

    Attributes
    ----------
    network
        Architecture, data and step; its own start is not used.
    seeds
        nnlib's seeds of the members.
    epochs
        How many each member trains.
    compared
        The epoch whose costs are compared: before rounding differences have grown.
    """

    network: Problem
    seeds: range
    epochs: int
    compared: int

    @functools.cached_property
    def starts(self) -> Array:
        """Parameters of all members (n, n_parameters), float64, as nnlib draws them."""
        import nnlib
        from nnlib.population.starts import starts

        network = nnlib.Network(
            list(self.network.sizes), list(self.network.activations), self.network.loss
        )
        return starts(network, None, self.seeds)[0]

    def layers(self, dtype: str) -> list[tuple[Array, Array]]:
        """W (n, d_out, d_in) and b (n, d_out) of each layer, the members one after another."""
        parts = [self.network.layers(start) for start in self.starts.astype(dtype)]
        return [
            (
                np.stack([part[layer][0] for part in parts]),
                np.stack([part[layer][1] for part in parts]),
            )
            for layer in range(len(parts[0]))
        ]


def exercises(members: int) -> PopulationProblem:
    """The lecture's exercise from so many starts."""
    return PopulationProblem(problems.exercise(), range(members), EXERCISE_EPOCHS, compared=23)


def thousand_exercises() -> PopulationProblem:
    """1 000 of them."""
    return exercises(1_000)


def many_exercises() -> PopulationProblem:
    """100 000 of them."""
    return exercises(100_000)


def digit_networks() -> PopulationProblem:
    """64 networks 64-32-10 on scikit-learn's digits, batches of 32, 20 epochs."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    X, labels = load_digits(return_X_y=True)
    whole = len(X) // 32 * 32  # whole batches, as JAX's scan takes no others
    network = replace(
        problems.exercise(),
        sizes=(64, 32, 10),
        activations=("relu", "softmax"),
        loss="softmax_cross_entropy",
        X=X[:whole] / 16,
        y=np.eye(10)[labels[:whole]],
        start=(),
        learning_rate=0.1,
        reduction="mean",
        batch_size=32,
    )
    return PopulationProblem(network, range(64), DIGIT_EPOCHS, compared=19)


@dataclass(frozen=True)
class SearchProblem:
    """A search over learning rates by k-fold cross-validation.

    Attributes
    ----------
    X, labels
        Standardised inputs (n, d) and classes (n,).
    number
        The fold of each example, (n,).
    rates
        The learning rates of Adam that are tried.
    epochs, batch_size
        Of every descent.
    hidden
        Hidden units, tanh.
    """

    X: Array
    labels: Array
    number: Array
    rates: tuple[float, ...]
    epochs: int
    batch_size: int
    hidden: int


def breast_cancer_search() -> SearchProblem:
    """20 learning rates × 5 folds of 30-16-2 on breast cancer, 50 epochs, batches of 200."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError:
        raise UnavailableError("scikit-learn is not installed") from None
    X, labels = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    number = np.random.default_rng(0).permutation(len(X)) % 5
    rates = tuple(np.geomspace(1e-4, 1e-1, 20).tolist())
    return SearchProblem(X, labels, number, rates, epochs=50, batch_size=200, hidden=16)
