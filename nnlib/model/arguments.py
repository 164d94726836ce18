"""The arguments that describe a network, checked: activations, losses that fit them, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..checks.values import known_name, real_number, shown
from ..kernels.formulas import activations

# The output activations with which a loss on logits makes sense: the one folded in, and identity,
# with which F returns the logits.
LOGITS = {
    "binary_cross_entropy": ("sigmoid", "identity"),
    "softmax_cross_entropy": ("softmax", "identity"),
}

# Of 2³² values at least one is kept: the kernel counts in whole numbers of 2⁻³².
_MOST_DROPOUT = 1 - 2.0**-32


def activation_names(activation: Any, layers: int) -> tuple[str, ...]:
    """One checked name per layer after the input.

    >>> activation_names("tanh", 2)
    ('tanh', 'tanh')
    """
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return (known_name("activation", activation, activations.CODES),) * layers
    if len(activation) != layers:
        raise ValueError(
            f"activation has {len(activation)} names, wanted one name or {layers}, "
            "one per layer after the input"
        )
    return tuple(
        known_name(f"activation[{i}]", name, activations.CODES) for i, name in enumerate(activation)
    )


def check_output(names: Sequence[str], loss: str, d_out: int) -> None:
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
    if output == "softmax" and loss != "softmax_cross_entropy":
        raise ValueError(f"activation 'softmax' needs loss='softmax_cross_entropy', got {loss!r}")
    if loss in LOGITS and output not in LOGITS[loss]:
        wanted = " or ".join(map(repr, LOGITS[loss]))
        raise ValueError(f"loss {loss!r} needs the output activation {wanted}, got {output!r}")
    if loss == "softmax_cross_entropy" and d_out == 1:
        raise ValueError(
            "loss 'softmax_cross_entropy' needs at least two outputs, one per class, got sizes "
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
