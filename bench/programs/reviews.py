"""The programs that learn film reviews: nnlib's and those of the libraries beside it.

All start with the same weights and take the batches in the same order, that of the reviews, so
that their costs can be compared. A run ends with a function that gives probabilities, for costs.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..problems.review_problem import BATCH, HIDDEN, RATE, Reviews
from ..problems.workload import Array, UnavailableError

# The probability of a positive review, of each row of a sparse matrix.
Probabilities = Callable[[Any], Array]
Training = Callable[[int], Probabilities]


class Program(NamedTuple):
    """What trains for some epochs, from the same start each time."""

    name: str
    prepare: Callable[[Reviews], Training]
    goal: float = 1.0  # how many times as fast nnlib is to be
    near: float = 0.01  # by what part its cost may differ from nnlib's


def nnlib_network(problem: Reviews) -> Training:
    """`Network.descent` on the sparse matrix."""
    import nnlib

    sizes = [problem.X.shape[1], *HIDDEN, 1]
    net = nnlib.Network(
        sizes, ["relu", "relu", "sigmoid"], "binary_cross_entropy", "float32",
        initializer=start(problem),
    )  # fmt: skip
    weights = net.parameters.copy()

    def train(epochs: int) -> Probabilities:
        net.parameters[:] = weights
        net.descent(
            problem.X, problem.y, optimizer="adam", learning_rate=RATE, batch_size=BATCH,
            epochs=epochs, shuffle=False, progress=False,
        )  # fmt: skip
        return lambda X: net.F(X)[:, 0]

    return train


def scikit_learn(problem: Reviews) -> Training:
    """`sklearn.neural_network.MLPClassifier` on the sparse matrix."""
    from sklearn.neural_network import MLPClassifier

    def train(epochs: int) -> Probabilities:
        model = MLPClassifier(
            HIDDEN, batch_size=BATCH, learning_rate_init=RATE, alpha=0, max_iter=epochs,
            shuffle=False, random_state=0, tol=0, n_iter_no_change=epochs,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that max_iter has ended it
            model.fit(problem.X, problem.y)
        return lambda X: model.predict_proba(X)[:, 1]

    return train


def pytorch_dense(problem: Reviews) -> Training:
    """A linear layer on dense rows, which lie there before the clock starts."""
    torch = _torch()
    X, y = torch.from_numpy(problem.X.toarray()), _targets(problem)

    def train(epochs: int) -> Probabilities:
        layers = _layers(problem)
        model = torch.nn.Sequential(layers[0], *_behind(layers[1:]))
        optimizer = torch.optim.Adam(model.parameters(), RATE)
        _descend(model, lambda rows: (X[rows],), y, epochs, [optimizer])
        return lambda matrix: _sigmoid(model, torch.from_numpy(matrix.toarray()))

    return train


def pytorch_bag(problem: Reviews) -> Training:
    """`EmbeddingBag(mode="sum")` with SparseAdam, Adam for the layers behind it.

    SparseAdam leaves rows as they are that a batch does not have: its cost is another.
    """
    torch = _torch()
    words, y = _words(problem.X), _targets(problem)

    def train(epochs: int) -> Probabilities:
        first, *others = _layers(problem)
        bag = torch.nn.EmbeddingBag(first.in_features, first.out_features, mode="sum", sparse=True)
        with torch.no_grad():
            bag.weight.copy_(first.weight.T)
        behind = torch.nn.Sequential(*_behind(others))

        def model(numbers: Any, offsets: Any) -> Any:
            return behind(bag(numbers, offsets) + first.bias)

        dense = [first.bias, *behind.parameters()]
        optimizers = [
            torch.optim.SparseAdam(list(bag.parameters()), RATE), torch.optim.Adam(dense, RATE),
        ]  # fmt: skip
        _descend(model, words, y, epochs, optimizers)
        return lambda matrix: _sigmoid(model, *_words(matrix)(slice(0, matrix.shape[0])))

    return train


NNLIB = Program("nnlib", nnlib_network)
PEERS = (
    Program("scikit-learn, CSR", scikit_learn, goal=6),
    Program("PyTorch, dense", pytorch_dense, goal=25),
    Program("PyTorch, EmbeddingBag and SparseAdam", pytorch_bag, goal=5, near=0.25),
)


def start(problem: Reviews) -> list[tuple[Array, Array]]:
    """W and b of each layer, as scikit-learn draws them from the random state 0."""
    random, drawn = np.random.RandomState(0), []
    for fan_in, fan_out in pairwise([problem.X.shape[1], *HIDDEN, 1]):
        bound = np.sqrt(6 / (fan_in + fan_out))
        W = random.uniform(-bound, bound, (fan_in, fan_out)).T
        b = random.uniform(-bound, bound, fan_out)
        drawn.append((W.astype(np.float32), b.astype(np.float32)))
    return drawn


def cost(probabilities: Array, y: Array) -> float:
    """The mean binary cross-entropy.

    >>> round(cost(np.array([0.5, 0.5]), np.array([0.0, 1.0])), 4)
    0.6931
    """
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1 - 1e-12)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def _torch() -> Any:
    if importlib.util.find_spec("torch") is None:
        raise UnavailableError("torch is not installed")
    return importlib.import_module("torch")


def _targets(problem: Reviews) -> Any:
    return _torch().from_numpy(problem.y.astype(np.float32))


def _layers(problem: Reviews) -> list[Any]:
    """The linear layers, at the start."""
    torch, layers = _torch(), []
    for W, b in start(problem):
        layer = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(W)))
            layer.bias.copy_(torch.from_numpy(b))
        layers.append(layer)
    return layers


def _behind(layers: list[Any]) -> list[Any]:
    """What follows the first linear layer, a ReLU before each."""
    return [module for layer in layers for module in (_torch().nn.ReLU(), layer)]


def _words(matrix: Any) -> Callable[[slice], tuple[Any, Any]]:
    """The numbers of the words of some rows, and where each row begins among them."""
    torch = _torch()
    columns = torch.from_numpy(matrix.indices.astype(np.int64))
    starts = torch.from_numpy(matrix.indptr.astype(np.int64))

    def of(rows: slice) -> tuple[Any, Any]:
        own = starts[rows.start : rows.stop + 1]
        return columns[own[0] : own[-1]], own[:-1] - own[0]

    return of


def _descend(
    model: Any, inputs: Callable[[slice], Any], y: Any, epochs: int, optimizers: list[Any]
) -> None:
    """All batches of all epochs."""
    loss = _torch().nn.BCEWithLogitsLoss()
    for _ in range(epochs):
        for begin in range(0, len(y), BATCH):
            rows = slice(begin, min(begin + BATCH, len(y)))
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss(model(*inputs(rows))[:, 0], y[rows]).backward()
            for optimizer in optimizers:
                optimizer.step()


def _sigmoid(model: Any, *inputs: Any) -> Array:
    torch = _torch()
    with torch.no_grad():
        probabilities: Array = torch.sigmoid(model(*inputs)[:, 0]).numpy()
    return probabilities
