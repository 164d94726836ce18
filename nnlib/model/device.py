"""On which device a network may compute: formulas with a digest are known to the CPU alone."""

from __future__ import annotations

from ..kernels.formulas.registry import FIRST_DIGEST
from ..layers.formulas import activation_code
from ..machine.device import chosen_device
from .architecture import Architecture


def device_for(architecture: Architecture, device: object) -> str:
    """ "cpu" or "cuda" from a device's name; "auto" is "cuda" where this network can use that.

    Raises
    ------
    ValueError
        For another name, and for "cuda" with a loss or an activation that no GPU has.
    DeviceError
        If "cuda" cannot be used; the message says what is missing.

    Examples
    --------
    >>> device_for(Architecture.of([2, 1]), "cpu")
    'cpu'
    """
    chosen = chosen_device(device)
    if chosen == "cpu" or (obstacle := cpu_formula(architecture)) is None:
        return chosen
    if device == "auto":
        return "cpu"
    raise ValueError(
        f"{obstacle} runs on the CPU only: leave out device='cuda', or use device='cpu'"
    )


def cpu_formula(architecture: Architecture) -> str | None:
    """The loss or activation that only the CPU has, as a message names it; None: there is none.

    >>> from nnlib.losses import Focal
    >>> cpu_formula(Architecture.of([2, 1], "sigmoid", Focal(3)))
    'loss Focal(gamma=3.0)'
    """
    for loss, code in zip(architecture.losses, architecture.loss_codes, strict=True):
        if code >= FIRST_DIGEST:
            return f"loss {loss!r}"
    for activation in architecture.activations:
        if activation_code(activation) >= FIRST_DIGEST:
            return f"activation {activation!r}"
    return None
