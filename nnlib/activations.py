"""`Custom`: an activation of your own, compiled in.

It stands wherever the name of an activation may stand; the names are those of `Network`.

>>> import math, nnlib
>>> def square_root_unit(z):
...     return z / math.sqrt(1 + z * z)
>>> def its_derivative(z):
...     return (1 + z * z) ** -1.5
>>> isru = nnlib.activations.Custom(square_root_unit, its_derivative, name="isru")
>>> net = nnlib.Network([1, 4, 1], [isru, "identity"])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .checks.derivatives import check_activation
from .checks.formulas import OwnFormula
from .kernels.formulas.custom import activation_values, own_activation


@dataclass(frozen=True)
class Custom(OwnFormula):
    """An activation of your own: f(z) of one unit, and f'(z).

    Both are plain Python functions of a number that return a number: arithmetic, conditions,
    ``math.*``, NumPy's functions of numbers, and functions that are of this form themselves. The
    values of other names that they use are those of now: they are copied. When the object is made,
    both are compiled and the derivative is compared with central differences. ``exp``, ``expm1``,
    ``log``, ``log1p`` and ``tanh`` are those of the built-in formulas, accurate to 4 units in the
    last place. In a float32 network a number such as 0.5 takes its operation to float64; the
    result is rounded.

    A network with such an activation trains on the CPU, without ``compile=True``. It can be pickled
    if the functions can, and saved; `nnlib.load` wants this object then.

    Parameters
    ----------
    function : callable
        z ↦ f(z).
    derivative : callable
        z ↦ f'(z).
    name : str or None
        For messages and files; None: the name of `function`, or "custom" for a lambda.

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
    >>> import math, nnlib
    >>> sine = nnlib.activations.Custom(lambda z: math.sin(z), lambda z: math.cos(z), name="sine")
    >>> net = nnlib.Network([1, 1], sine, initializer=[([[1]], [0])])
    >>> net.F(math.pi / 2)
    1.0
    >>> nnlib.activations.Custom(lambda z: z * z, lambda z: 3 * z)
    Traceback (most recent call last):
    ...
    ValueError: derivative(z) is 0.69 at z=0.23, but the difference of function there is 0.46: ...
    """

    function: Callable[[float], float] = field(repr=False, compare=False)
    derivative: Callable[[float], float] = field(repr=False, compare=False)
    name: str | None = None
    digest: str = field(init=False)
    code: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        code = self.keep_compiled(
            self.function,
            lambda name: own_activation(name, self.function, self.derivative),
            lambda code: check_activation(activation_values(code)),
        )
        object.__setattr__(self, "code", code)
