"""Which loss or activation an argument means: a name, or an object of the user's; and its code."""

from __future__ import annotations

from typing import Any

from ..activations import Custom as OwnActivation
from ..checks.values import known_name
from ..kernels.formulas import activations, losses
from ..losses import FAMILIES, Loss
from ..losses import Custom as OwnLoss

# All names that a user can give.
LOSS_NAMES = tuple(dict.fromkeys((*losses.CODES, *FAMILIES)))


def loss_from(value: Any, argument: str = "loss") -> str | Loss:
    """The loss that a name or an object means: a name for a loss of the kernels' table.

    argument is what a message calls it.

    >>> from nnlib.losses import Huber
    >>> loss_from("huber"), loss_from(Huber(1.0)), loss_from(Huber(2.0)), loss_from("focal")
    ('huber', 'huber', Huber(delta=2.0), Focal(gamma=2.0))
    """
    if type(value) is OwnLoss:
        return value
    if type(value) in FAMILIES.values():
        plain = value.family in losses.CODES and value == FAMILIES[value.family]()
        return str(value.family) if plain else value
    if isinstance(value, Loss):
        raise TypeError(
            f"{argument} is a {type(value).__name__}, wanted one of nnlib.losses: a class of your "
            "own has no formulas, nnlib.losses.Custom takes them"
        )
    if isinstance(value, type) and issubclass(value, Loss):
        raise TypeError(f"{argument} is the class {value.__name__}, wanted {value.__name__}(…)")
    name = known_name(argument, value, LOSS_NAMES)
    return name if name in losses.CODES else FAMILIES[name]()


def loss_code(loss: str | Loss, outputs: int) -> int:
    """The kernels' number of a loss from `loss_from`, for an output of so many values.

    >>> loss_code("half_squared_error", 1)
    0
    """
    return losses.CODES[loss] if isinstance(loss, str) else loss.code(outputs)


def loss_family(loss: str | Loss) -> str:
    """The name that says which targets a loss takes.

    >>> from nnlib.losses import Huber
    >>> loss_family("huber"), loss_family(Huber(2.0))
    ('huber', 'huber')
    """
    return loss if isinstance(loss, str) else loss.family


def activation_from(argument: str, value: Any) -> str | OwnActivation:
    """The activation that a name or an object means; the error names the argument.

    >>> activation_from("activation", "tanh")
    'tanh'
    """
    if type(value) is OwnActivation:
        return value
    if isinstance(value, type) and issubclass(value, OwnActivation):
        raise TypeError(f"{argument} is the class {value.__name__}, wanted an object of it")
    return known_name(argument, value, activations.CODES)


def activation_code(activation: str | OwnActivation) -> int:
    """The kernels' number of an activation from `activation_from`.

    >>> activation_code("identity")
    0
    """
    return activations.CODES[activation] if isinstance(activation, str) else activation.code
