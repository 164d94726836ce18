"""The losses with settings, as objects, and `Custom` for a loss of your own.

An object of this module stands wherever the name of a loss may stand, and a name such as
``"quantile"`` for the object with its default settings. Losses without settings have names alone,
see `Network`. e is F(x) − y, a is F(x), and J is the sum over the outputs.

>>> import nnlib
>>> net = nnlib.Network([1, 4, 1], ["tanh", "identity"], loss=nnlib.losses.Quantile(0.9))
>>> net.loss
Quantile(tau=0.9)
>>> nnlib.Network([1, 1], "identity", loss=nnlib.losses.Huber()).loss  # what has a name keeps it
'huber'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from .checks.derivatives import check_loss
from .checks.formulas import OwnFormula
from .checks.values import real_number
from .kernels.formulas import loss_families
from .kernels.formulas.custom import loss_values, own_loss


@dataclass(frozen=True)
class Loss:
    """What all losses with settings have in common.

    Attributes
    ----------
    family : str
        The name that stands for the object with its default settings. Losses of one family take
        the same targets.

    >>> issubclass(Quantile, Loss), Quantile.family
    (True, 'quantile')
    """

    family: ClassVar[str]

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss, for a network of so many outputs."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, float]:
        """The settings by name."""
        return asdict(self)


@dataclass(frozen=True)
class Huber(Loss):
    """J = ½ e² if |e| ≤ δ, else δ (|e| − ½ δ): squares of small errors, sizes of large ones.

    Source: P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).

    Parameters
    ----------
    delta : float
        δ > 0. With 1 it is the loss ``"huber"``.

    Raises
    ------
    TypeError, ValueError
        For any other δ.

    Examples
    --------
    >>> import nnlib
    >>> start = [([[1]], [0])]
    >>> net = nnlib.Network([1, 1], "identity", nnlib.losses.Huber(2), initializer=start)
    >>> net.J([5], [0])
    8.0
    """

    delta: float = 1.0
    family: ClassVar[str] = "huber"

    def __post_init__(self) -> None:
        _above_0(self, "delta")

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return loss_families.huber(self.delta)


@dataclass(frozen=True)
class Quantile(Loss):
    """J = τ (y − a) if y ≥ a, else (1 − τ)(a − y): F becomes the τ-quantile of y given x.

    Also known as the pinball loss. ∂J/∂a is taken as 0 where a = y. Source: R. Koenker and
    G. Bassett, "Regression quantiles", Econometrica 46 (1978).

    Parameters
    ----------
    tau : float
        0 < τ < 1; ½ is the median, half of ``"absolute_error"``.

    Raises
    ------
    TypeError, ValueError
        For any other τ.

    Examples
    --------
    >>> import nnlib
    >>> loss = nnlib.losses.Quantile(0.75)
    >>> net = nnlib.Network([1, 1], "identity", loss, initializer="zeros")
    >>> net.J([0, 0], [4, -4]), (0.75 * 4 + 0.25 * 4) / 2
    (2.0, 2.0)
    """

    tau: float = 0.5
    family: ClassVar[str] = "quantile"

    def __post_init__(self) -> None:
        _above_0(self, "tau")
        _below_1(self, "tau")

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return loss_families.quantile(self.tau)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """J = −y' ln p − (1 − y') ln(1 − p), y' = y (1 − ε) + ε/2 and 0 ≤ y ≤ 1.

    As for ``"binary_cross_entropy"`` the output activation is ``sigmoid``, or ``identity`` for F to
    return the logits. J on validation examples has ε too.

    Parameters
    ----------
    label_smoothing : float
        ε, 0 ≤ ε < 1; with 0 it is the loss ``"binary_cross_entropy"``.

    Raises
    ------
    TypeError, ValueError
        For any other ε.

    Examples
    --------
    >>> import nnlib
    >>> loss = nnlib.losses.BinaryCrossEntropy(label_smoothing=0.2)
    >>> net = nnlib.Network([1, 1], "sigmoid", loss, initializer=[([[1]], [0])])
    >>> plain = nnlib.Network([1, 1], "sigmoid", "binary_cross_entropy", initializer=[([[1]], [0])])
    >>> round(net.J([3], [1]), 6), round(plain.J([3], [0.9]), 6)
    (0.348587, 0.348587)
    """

    label_smoothing: float = 0.0
    family: ClassVar[str] = "binary_cross_entropy"

    def __post_init__(self) -> None:
        _at_least_0(self, "label_smoothing")
        _below_1(self, "label_smoothing")

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return loss_families.smooth_binary_cross_entropy(self.label_smoothing)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """J = −Σ y'_j ln p_j, y' = y (1 − ε) + ε/K for K classes; y a class or probabilities.

    As for ``"softmax_cross_entropy"`` the output activation is ``softmax``, or ``identity`` for F
    to return the logits. J on validation examples has ε too. Source: C. Szegedy, V. Vanhoucke,
    S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception architecture", CVPR 2016.

    Parameters
    ----------
    label_smoothing : float
        ε, 0 ≤ ε < 1; with 0 it is the loss ``"softmax_cross_entropy"``.

    Raises
    ------
    TypeError, ValueError
        For any other ε.

    Examples
    --------
    >>> import nnlib
    >>> loss = nnlib.losses.SoftmaxCrossEntropy(label_smoothing=0.3)
    >>> net = nnlib.Network([1, 3], "softmax", loss, seed=0)
    >>> plain = nnlib.Network([1, 3], "softmax", "softmax_cross_entropy", seed=0)
    >>> bool(abs(net.J([2], [1]) - plain.J([2], [[0.1, 0.8, 0.1]])) < 1e-12)
    True
    """

    label_smoothing: float = 0.0
    family: ClassVar[str] = "softmax_cross_entropy"

    def __post_init__(self) -> None:
        _at_least_0(self, "label_smoothing")
        _below_1(self, "label_smoothing")

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return loss_families.smooth_softmax_cross_entropy(self.label_smoothing, outputs)


@dataclass(frozen=True)
class Focal(Loss):
    """J = −y (1 − p)^γ ln p − (1 − y) p^γ ln(1 − p), 0 ≤ y ≤ 1: right answers count for little.

    The output activation is ``sigmoid``, or ``identity`` for F to return the logits. Source:
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection",
    ICCV 2017, without their α: `sample_weight` weighs examples.

    Parameters
    ----------
    gamma : float
        γ > 0; 0 would be ``"binary_cross_entropy"``.

    Raises
    ------
    TypeError, ValueError
        For any other γ.

    Examples
    --------
    >>> import nnlib
    >>> net = nnlib.Network([1, 1], "sigmoid", nnlib.losses.Focal(gamma=2), initializer="zeros")
    >>> round(net.J([0], [1]), 6)  # ¼ ln 2
    0.173287
    """

    gamma: float = 2.0
    family: ClassVar[str] = "focal"

    def __post_init__(self) -> None:
        _above_0(self, "gamma")

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return loss_families.focal(self.gamma)


@dataclass(frozen=True)
class SoftmaxFocal(Loss):
    """J = −Σ y_j (1 − p_j)^γ ln p_j: `Focal` for classes, y a class or a row of probabilities.

    The output activation is ``softmax``, or ``identity`` for F to return the logits.

    Parameters
    ----------
    gamma : float
        γ > 0; 0 would be ``"softmax_cross_entropy"``.

    Raises
    ------
    TypeError, ValueError
        For any other γ.

    Examples
    --------
    >>> import nnlib
    >>> loss = nnlib.losses.SoftmaxFocal(gamma=2)
    >>> net = nnlib.Network([1, 2], "softmax", loss, initializer="zeros")
    >>> round(net.J([0], [1]), 6)  # ¼ ln 2
    0.173287
    """

    gamma: float = 2.0
    family: ClassVar[str] = "softmax_focal"

    def __post_init__(self) -> None:
        _above_0(self, "gamma")

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return loss_families.softmax_focal(self.gamma)


@dataclass(frozen=True)
class Custom(OwnFormula, Loss):
    """A loss of your own, compiled in: J(a, y) of one output, and ∂J/∂a.

    Both are plain Python functions of two numbers that return a number: arithmetic, conditions,
    ``math.*``, NumPy's functions of numbers, and functions that are of this form themselves. The
    values of other names that they use are those of now: they are copied. When the object is made,
    both are compiled and the derivative is compared with central differences. ``exp``, ``expm1``,
    ``log``, ``log1p`` and ``tanh`` are those of the built-in formulas, accurate to 4 units in the
    last place. In a float32 network a number such as 0.5 takes its operation to float64; the
    result is rounded.

    A network with such a loss trains on the CPU, without ``compile=True``. It can be pickled if the
    functions can, and saved; `nnlib.load` wants this object then.

    Parameters
    ----------
    cost : callable
        (a, y) ↦ J.
    derivative : callable
        (a, y) ↦ ∂J/∂a.
    name : str or None
        For messages and files; None: the name of `cost`, or "custom" for a lambda.

    Attributes
    ----------
    digest : str
        Of the name and of all that the two compute. The same functions have the same in every
        process of one version of Python.

    Raises
    ------
    TypeError
        If one of them is no such function; of one that does not compile with Numba's reason.
    ValueError
        If the derivative is wrong, with the point where it is.

    Examples
    --------
    >>> import nnlib
    >>> quartic = nnlib.losses.Custom(lambda a, y: (a - y) ** 4, lambda a, y: 4 * (a - y) ** 3)
    >>> net = nnlib.Network([1, 1], "identity", quartic, initializer="zeros")
    >>> net.J([0], [2]), net.derJ([0], [2])[1]
    (16.0, [array([-32.])])
    >>> nnlib.losses.Custom(lambda a, y: (a - y) ** 4, lambda a, y: (a - y) ** 3)
    Traceback (most recent call last):
    ...
    ValueError: derivative(a, y) is -0.002744 at a=0.23, y=0.37, but the difference of cost ...
    """

    cost: Callable[[float, float], float] = field(repr=False, compare=False)
    derivative: Callable[[float, float], float] = field(repr=False, compare=False)
    name: str | None = None
    digest: str = field(init=False)
    _code: int = field(init=False, repr=False, compare=False)
    family: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        code = self.keep_compiled(
            self.cost,
            lambda name: own_loss(name, self.cost, self.derivative),
            lambda code: check_loss(loss_values(code)),
        )
        object.__setattr__(self, "_code", code)

    def code(self, outputs: int) -> int:
        """The kernels' number of this loss."""
        return self._code


# By the names that stand for them.
FAMILIES: dict[str, type[Loss]] = {
    kind.family: kind
    for kind in (Huber, Quantile, BinaryCrossEntropy, SoftmaxCrossEntropy, Focal, SoftmaxFocal)
}


def _above_0(loss: Loss, name: str) -> None:
    object.__setattr__(loss, name, real_number(name, getattr(loss, name), above=0))


def _at_least_0(loss: Loss, name: str) -> None:
    object.__setattr__(loss, name, real_number(name, getattr(loss, name)))


def _below_1(loss: Loss, name: str) -> None:
    value = getattr(loss, name)
    if value >= 1:
        raise ValueError(f"{name} is {value:g}, wanted a number below 1")
