"""Networks of the lecture whose weights are given, not learned."""

from __future__ import annotations

from ..network import Network


def perceptron() -> Network:
    """The perceptron F(x, y) = H(x − 2y + 1), with H(0) = 1.

    It is 1 on one side of the line x − 2y + 1 = 0 and on the line itself, 0 on the other side.

    Examples
    --------
    >>> from nnlib import course
    >>> course.perceptron().F([[0, 0], [1, 1], [0, 1]]).ravel()
    array([1., 1., 0.])
    """
    return Network([2, 1], activation="heaviside", initializer=[([[1, -2]], [1])])


def xor() -> Network:
    """XOR of x, y ∈ {0, 1}: H(H(x − y − 1) + H(−x + y − 1) − 1), three Heaviside neurons.

    One neuron cannot do it: no line separates (0, 1) and (1, 0) from (0, 0) and (1, 1).

    Examples
    --------
    >>> from nnlib import course
    >>> course.xor().F([[0, 0], [0, 1], [1, 0], [1, 1]]).ravel()
    array([0., 1., 1., 0.])
    """
    hidden = [[1, -1], [-1, 1]], [-1, -1]
    output = [[1, 1]], [-1]
    return Network([2, 2, 1], activation="heaviside", initializer=[hidden, output])


def layers_3_3_4_2_1(seed: int | None = 0) -> Network:
    """The lecture's example of layers: sizes 3-3-4-2-1, sigmoid, random weights.

    It has 9 + 12 + 8 + 2 = 31 weights and 3 + 4 + 2 + 1 = 10 biases.

    Parameters
    ----------
    seed : int or None
        Seed of the weights, as in `Network`.

    Examples
    --------
    >>> from nnlib import course
    >>> net = course.layers_3_3_4_2_1()
    >>> sum(W.size for W in net.weights), sum(b.size for b in net.biases)
    (31, 10)
    >>> net.F([[1, 2, 3], [4, 5, 6]]).shape
    (2, 1)
    """
    return Network([3, 3, 4, 2, 1], activation="sigmoid", seed=seed)
