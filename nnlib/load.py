"""`load`: a network from a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import activations, losses
from .model.saving import read
from .network import Network


def load(
    path: str | os.PathLike[str],
    custom: Sequence[losses.Custom | activations.Custom] = (),
) -> Network:
    """Read a network that `Network.save` wrote.

    Parameters
    ----------
    path : str or PathLike
        No open file.
    custom : sequence of losses.Custom and activations.Custom
        The formulas of your own that the network was made with: the file holds their names and
        digests, and no code.

    Returns
    -------
    Network
        Equal in everything, parameters bit for bit; it goes on with the same random numbers.

    Raises
    ------
    TypeError
        If path is no path, or custom holds anything else.
    FormatError
        If the file is truncated, damaged, of another version, or no network; it says which. Also if
        a formula of your own is missing in custom, or computes something else now.
    OSError
        If the file is missing or cannot be read.
    ImportError
        If safetensors is missing.

    Examples
    --------
    >>> import nnlib
    >>> from tempfile import TemporaryDirectory
    >>> net = nnlib.Network([1, 2, 1], "tanh", seed=3)
    >>> with TemporaryDirectory() as folder:
    ...     net.save(f"{folder}/model.safetensors")
    ...     nnlib.load(f"{folder}/model.safetensors")
    Network([1, 2, 1], activation='tanh', loss='half_squared_error', dtype='float64', seed=3)
    """
    return read(path, Network, custom)
