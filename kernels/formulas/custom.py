"""The user's own losses and activations: Python functions that become formulas like all others.

They are compiled into the same loops. What they return is rounded to the network's dtype. Their
machine code is kept on disk as that of all others, under the digest of all that they depend on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numba import types

from ..compile.jit import Scalar, entry, formula
from . import activations, losses
from .activations import Activation
from .elementary import like
from .frozen import Frozen, freeze
from .losses import Loss
from .registry import digest_of

# (values, slopes, *arguments): values ← f, slopes ← f', of every element.
Evaluation = Callable[..., None]


def own_loss(name: str, cost: Any, derivative: Any) -> tuple[int, str]:
    """Code and digest of a loss from J(a, y) and ∂J/∂a, functions of two numbers.

    Nothing is known of where they overflow, so examples of weight 0 are left out.

    Raises
    ------
    TypeError
        If one of them is no formula; the message says why.
    """
    J, slope = _checked("cost", cost, 2), _checked("derivative", derivative, 2)
    digest = digest_of("loss", name, J.digest, slope.digest)
    value, delta = _rounded_of_two(J.formula), _rounded_of_two(slope.formula)
    own = Loss(name, value, delta, cost_overflows=True, delta_overflows=True, digest=digest)
    return losses.registry.add(own), digest


def own_activation(name: str, function: Any, derivative: Any) -> tuple[int, str]:
    """Code and digest of an activation from f(z) and f'(z), functions of one number.

    f' is kept in a workspace of the layer: it may be no function of f(z).

    Raises
    ------
    TypeError
        If one of them is no formula; the message says why.
    """
    f, slope = _checked("function", function, 1), _checked("derivative", derivative, 1)
    digest = digest_of("activation", name, f.digest, slope.digest)
    both = _both(f.formula, slope.formula)
    return activations.registry.add(Activation(name, both, keeps=True, digest=digest)), digest


def _checked(argument: str, function: Any, parameters: int) -> Frozen:
    """The frozen function, if Numba compiles it to a real number."""
    frozen = freeze(argument, function, parameters)
    python = frozen.formula.py_func
    spare = python.__code__.co_argcount - parameters
    left_out = python.__defaults__[-spare:] if spare else ()
    signature = (types.float64,) * parameters + tuple(map(types.Omitted, left_out))
    try:
        frozen.formula.compile(signature)
    except Exception as error:  # Numba lets some of Python's own errors through
        raise TypeError(f"{argument} does not compile: {one_line(error)}") from None
    kind = frozen.formula.overloads[signature].signature.return_type
    if not isinstance(types.unliteral(kind), (types.Float, types.Integer, types.Boolean)):
        raise TypeError(f"{argument} returns {kind}, wanted a real number")
    return frozen


def one_line(error: Exception) -> str:
    """Numba's reason, without the places in its pipeline and the user's source."""
    lines = [line.strip(" >-") for line in str(error).splitlines()]
    reason: list[str] = []
    for line in lines:
        if line.startswith(("File ", "During: ", "There are ", "- Of which", "Overload ")):
            break
        if line and not line.startswith(("Failed in ", "[")):
            reason.append(line)
    return " ".join(reason) or str(error).strip().splitlines()[0]


def _rounded_of_two(function: Any) -> Any:
    """The formula of a and y in their dtype."""

    @formula
    def rounded(a: Scalar, y: Scalar) -> Scalar:
        return like(a, function(a, y))

    return rounded


def _both(function: Any, derivative: Any) -> Any:
    """z ↦ (f(z), f'(z)) in z's dtype."""

    @formula
    def both(z: Scalar) -> tuple[Scalar, Scalar]:
        return like(z, function(z)), like(z, derivative(z))

    return both


@functools.cache
def loss_values(code: int) -> Evaluation:
    """What gives J and ∂J/∂a of a loss for Python: (values, slopes, a, y), vectors of float64."""
    own = losses.of(code)
    names = {"value": own.cost, "slope": own.delta}
    body = "values[i], slopes[i] = value(a[i], y[i]), slope(a[i], y[i])"
    return _evaluation(own.symbol, "a, y", body, names)


@functools.cache
def activation_values(code: int) -> Evaluation:
    """What gives f and f' of an activation for Python: (values, slopes, z), vectors of float64."""
    own = activations.of(code)
    body = "values[i], slopes[i] = both(z[i])"
    return _evaluation(own.symbol, "z", body, {"both": own.function})


def _evaluation(symbol: str, arguments: str, body: str, names: dict[str, Any]) -> Evaluation:
    text = (
        f"def {symbol}_values(values, slopes, {arguments}):\n"
        f"    for i in range(values.size):\n        {body}\n"
    )
    # The cache tells generated code apart by the name in place of a file's.
    globals_: dict[str, Any] = {**names, "__name__": __name__}
    exec(compile(text, f"<values of {symbol}>", "exec"), globals_)
    evaluation: Evaluation = entry(globals_[f"{symbol}_values"])
    return evaluation
