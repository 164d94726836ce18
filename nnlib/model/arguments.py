"""The arguments that describe a network, checked: activations, losses that fit them, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..activations import Custom
from ..checks.values import real_number, shown
from ..kernels.formulas import losses
from ..kernels.formulas.activations import IDENTITY, LOG_SOFTMAX
from ..losses import Loss
from .formulas import activation_from, loss_code

# The output activations with which a loss on logits makes sense, by what the last layer computes
# for the loss: the one folded in, and identity, with which F returns the logits.
_FOLDED = {IDENTITY: ("sigmoid", "identity"), LOG_SOFTMAX: ("softmax", "identity")}
# The same by the names of losses.
LOGITS = {
    loss.name: _FOLDED[loss.on_logits] for loss in losses.LOSSES if loss.on_logits is not None
}

# Of 2³² values at least one is kept: the kernel counts in whole numbers of 2⁻³².
_MOST_DROPOUT = 1 - 2.0**-32


def activation_names(activation: Any, layers: int) -> tuple[str | Custom, ...]:
    """One checked name, or activation of the user's own, per layer after the input.

    >>> activation_names("tanh", 2)
    ('tanh', 'tanh')
    """
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return (activation_from("activation", activation),) * layers
    if len(activation) != layers:
        raise ValueError(
            f"activation has {len(activation)} names, wanted one name or {layers}, "
            "one per layer after the input"
        )
    return tuple(activation_from(f"activation[{i}]", name) for i, name in enumerate(activation))


def check_output(names: Sequence[str | Custom], loss: str | Loss, d_out: int) -> None:
    """Refuse a softmax, or a loss on logits, where it does not belong.

    >>> check_output(["tanh", "softmax"], "softmax_cross_entropy", 3)
    >>> check_output(["tanh", "softmax"], "half_squared_error", 3)
    Traceback (most recent call last):
    ...
    ValueError: activation 'softmax' needs loss='softmax_cross_entropy', got 'half_squared_error'
    """
    *hidden, output = names
    if "softmax" in hidden:
        raise ValueError(
            f"activation[{hidden.index('softmax')}] is 'softmax' in a hidden layer, wanted it on "
            "the output layer only; give one name per layer, such as ['relu', 'softmax']"
        )
    folded = losses.of(loss_code(loss, d_out)).on_logits
    if output == "softmax" and folded != LOG_SOFTMAX:
        raise ValueError(f"activation 'softmax' needs loss='softmax_cross_entropy', got {loss!r}")
    if folded is not None and output not in _FOLDED[folded]:
        wanted = " or ".join(map(repr, _FOLDED[folded]))
        raise ValueError(f"loss {loss!r} needs the output activation {wanted}, got {output!r}")
    if folded == LOG_SOFTMAX and d_out == 1:
        raise ValueError(
            f"loss {loss!r} needs at least two outputs, one per class, got sizes "
            "that end in 1; for one output use 'binary_cross_entropy'"
        )


def dropout_probabilities(value: Any, hidden: int) -> tuple[float, ...]:
    """One checked probability per hidden layer, from one number for all of them or a list.

    >>> dropout_probabilities(0.5, 2)
    (0.5, 0.5)
    """
    if value is None:
        return ()
    values = value if isinstance(value, Sequence) else [value] * hidden
    if len(values) != hidden or not hidden:
        raise ValueError(
            f"dropout is {shown(value)}, wanted a probability or {hidden} of them, one per hidden "
            "layer"
        )
    for probability in values:
        if real_number("dropout", probability) > _MOST_DROPOUT:
            raise ValueError(
                f"dropout is {shown(probability)}, wanted probabilities below 1 (at most 1 − 2⁻³²)"
            )
    return tuple(float(probability) for probability in values)
