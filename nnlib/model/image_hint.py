"""A warning of images whose bytes go into a network as they are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..layers.normalization import NormalizationLayer
from ..layers.rescaling import RescalingLayer
from .architecture import Architecture

# Bytes below may be counts or classes, and are no images.
_BRIGHT = 128


def warn_of_bytes(architecture: Architecture, X: Any, stacklevel: int) -> None:
    """Warn if X is bright images of uint8 and no layer scales or normalises anything.

    Weights are drawn for inputs around 1: with 255 a descent diverges, or saturates.

    >>> warn_of_bytes(Architecture.of([4, 1]), np.zeros((3, 4), np.uint8), stacklevel=2)
    """
    if type(X) is not np.ndarray or X.dtype != np.uint8 or not X.size or X.max() < _BRIGHT:
        return
    scaling = RescalingLayer, NormalizationLayer
    if not any(isinstance(layer, scaling) for layer in architecture.layers):
        warnings.warn(
            f"X has uint8 up to {X.max()}, and the network takes these numbers as they are: begin "
            "with layers.Rescaling(1/255), or give X / 255",
            UserWarning,
            stacklevel=stacklevel + 1,
        )
