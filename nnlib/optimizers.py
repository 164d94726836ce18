"""The optimizers, as objects with their settings; formulas and sources stand beside the kernels.

A string such as ``"adam"`` means the object with its default settings. g is the gradient of J,
α the learning rate.

>>> from nnlib import optimizers
>>> optimizers.Adam(beta1=0.8)
Adam(beta1=0.8, beta2=0.999, epsilon=1e-08)
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from .checks.values import known_name, real_number, whole_number
from .kernels.formulas.optimizers import CODES

# What L-BFGS may remember; each pair takes two vectors as long as the parameters.
MOST_PAIRS = 10_000


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers have in common.

    Attributes
    ----------
    name : str
        The name that stands for the object with its default settings.
    default_rate : float
        The learning rate if the descent is given none.
    vectors : (bool, bool)
        Which of the optimizer's own vectors, as long as the parameters, it needs.

    >>> issubclass(Adam, Optimizer), Adam.default_rate, Adam.vectors
    (True, 0.001, (True, True))
    """

    name: ClassVar[str]
    default_rate: ClassVar[float]
    vectors: ClassVar[tuple[bool, bool]]

    @property
    def code(self) -> int:
        """The kernels' number of this optimizer."""
        return CODES[self.name]

    @property
    def settings(self) -> tuple[float, ...]:
        """The settings in the order that the kernel takes."""
        return astuple(self)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: w ← w − α g.

    >>> SGD().name
    'sgd'
    """

    name: ClassVar[str] = "sgd"
    default_rate: ClassVar[float] = 0.1
    vectors: ClassVar[tuple[bool, bool]] = (False, False)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μ v + g;  w ← w − α v.

    >>> Momentum(0.8)
    Momentum(momentum=0.8)
    """

    momentum: float = 0.9
    name: ClassVar[str] = "momentum"
    default_rate: ClassVar[float] = 0.01
    vectors: ClassVar[tuple[bool, bool]] = (True, False)

    def __post_init__(self) -> None:
        _fractions(self, "momentum")


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v ← μ v + g;  w ← w − α (g + μ v).

    >>> Nesterov()
    Nesterov(momentum=0.9)
    """

    name: ClassVar[str] = "nesterov"


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s ← ρ s + (1 − ρ) g²;  w ← w − α g/(√s + ε).

    >>> RMSprop()
    RMSprop(rho=0.99, epsilon=1e-08)
    """

    rho: float = 0.99
    epsilon: float = 1e-8
    name: ClassVar[str] = "rmsprop"
    default_rate: ClassVar[float] = 0.001
    vectors: ClassVar[tuple[bool, bool]] = (False, True)

    def __post_init__(self) -> None:
        _fractions(self, "rho")
        _positive(self, "epsilon")


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """s ← s + g²;  w ← w − α g/(√s + ε).

    >>> Adagrad()
    Adagrad(epsilon=1e-10)
    """

    epsilon: float = 1e-10
    name: ClassVar[str] = "adagrad"
    default_rate: ClassVar[float] = 0.01
    vectors: ClassVar[tuple[bool, bool]] = (False, True)

    def __post_init__(self) -> None:
        _positive(self, "epsilon")


@dataclass(frozen=True)
class Adam(Optimizer):
    """m ← β1 m + (1 − β1) g;  s ← β2 s + (1 − β2) g²;  w ← w − α m̂/(√ŝ + ε).

    >>> Adam()
    Adam(beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name: ClassVar[str] = "adam"
    default_rate: ClassVar[float] = 0.001
    vectors: ClassVar[tuple[bool, bool]] = (True, True)

    def __post_init__(self) -> None:
        _fractions(self, "beta1", "beta2")
        _positive(self, "epsilon")


@dataclass(frozen=True)
class AdamW(Adam):
    """W ← (1 − α λ) W, weights only, and then Adam's step (I. Loshchilov and F. Hutter, ICLR 2019).

    >>> AdamW()
    AdamW(beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.01)
    """

    weight_decay: float = 0.01
    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "weight_decay", real_number("weight_decay", self.weight_decay))


@dataclass(frozen=True)
class Rprop(Optimizer):
    """iRprop−: steps of a length of its own for each parameter, from the sign of g alone.

    The learning rate is the first length. Full batches only: the sign of a mini-batch's gradient
    says too little.

    >>> Rprop()
    Rprop(shrink=0.5, grow=1.2, shortest=1e-06, longest=50.0)
    """

    shrink: float = 0.5
    grow: float = 1.2
    shortest: float = 1e-6
    longest: float = 50.0
    name: ClassVar[str] = "rprop"
    default_rate: ClassVar[float] = 0.01
    vectors: ClassVar[tuple[bool, bool]] = (True, True)

    def __post_init__(self) -> None:
        _positive(self, "shrink", "grow", "shortest", "longest")
        if not (self.shrink < 1 < self.grow and self.shortest <= self.longest):
            raise ValueError(
                f"wanted shrink < 1 < grow and shortest <= longest; got shrink={self.shrink:g}, "
                f"grow={self.grow:g}, shortest={self.shortest:g}, longest={self.longest:g}"
            )


@dataclass(frozen=True)
class FullBatch(Optimizer):
    """What the optimizers of full batches have in common: they find the length of a step.

    An epoch is an iteration, a step that lowers the cost. Both end where the largest element of
    the gradient is at most `gradient_tolerance`, where an iteration lowers the cost by no more
    than the part `cost_tolerance` of it, or where the dtype allows no lower cost.

    >>> isinstance(LBFGS(), FullBatch), isinstance(Adam(), FullBatch)
    (True, False)
    """

    gradient_tolerance: float = 1e-7
    cost_tolerance: float = 1e-12
    default_rate: ClassVar[float] = 1.0
    vectors: ClassVar[tuple[bool, bool]] = (False, False)

    def __post_init__(self) -> None:
        for name in ("gradient_tolerance", "cost_tolerance"):
            object.__setattr__(self, name, real_number(name, getattr(self, name)))


@dataclass(frozen=True)
class LBFGS(FullBatch):
    """Quasi-Newton steps from the last `memory` gradients, with a strong-Wolfe line search.

    memory is at most 10 000; each takes two vectors as long as the parameters.

    Source: J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, algorithms 7.5 and 3.5.

    >>> LBFGS(memory=20)
    LBFGS(gradient_tolerance=1e-07, cost_tolerance=1e-12, memory=20)
    """

    memory: int = 10
    name: ClassVar[str] = "lbfgs"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "memory", whole_number("memory", self.memory, 1, MOST_PAIRS))


@dataclass(frozen=True)
class LevenbergMarquardt(FullBatch):
    """Steps (JᵀJ + μ I) d = −Jᵀr for the half squared error, J the Jacobian of the residuals r.

    μ starts at `damping`, is multiplied by `decrease` after a step that lowers the cost and by
    `increase` after one that does not. Source: M. Hagan and M. Menhaj, IEEE Transactions on
    Neural Networks 5 (1994).

    >>> LevenbergMarquardt().damping
    0.001
    """

    damping: float = 1e-3
    decrease: float = 0.1
    increase: float = 10.0
    most_damping: float = 1e10
    name: ClassVar[str] = "levenberg_marquardt"

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "damping", "decrease", "increase", "most_damping")
        if not self.decrease < 1 < self.increase:
            raise ValueError(
                f"wanted decrease < 1 < increase; got decrease={self.decrease:g}, "
                f"increase={self.increase:g}"
            )


OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind
    for kind in (
        SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW, Rprop, LBFGS, LevenbergMarquardt,
    )
}  # fmt: skip


def optimizer_from(value: Any) -> Optimizer:
    """The optimizer that a name or an object means.

    >>> optimizer_from("momentum")
    Momentum(momentum=0.9)
    """
    if type(value) in OPTIMIZERS.values():
        return value  # type: ignore[no-any-return]
    if isinstance(value, Optimizer):
        raise TypeError(
            f"optimizer is a {type(value).__name__}, wanted one of nnlib.optimizers: a class of "
            "your own has no kernel"
        )
    if isinstance(value, type) and issubclass(value, Optimizer):
        raise TypeError(f"optimizer is the class {value.__name__}, wanted {value.__name__}()")
    return OPTIMIZERS[known_name("optimizer", value, OPTIMIZERS)]()


def _positive(optimizer: Optimizer, *names: str) -> None:
    for name in names:
        object.__setattr__(optimizer, name, real_number(name, getattr(optimizer, name), above=0))


def _fractions(optimizer: Optimizer, *names: str) -> None:
    """Check that settings lie in [0, 1)."""
    for name in names:
        value = real_number(name, getattr(optimizer, name))
        if value >= 1:
            raise ValueError(f"{name} is {value:g}, wanted a number of at least 0 and below 1")
        object.__setattr__(optimizer, name, value)
