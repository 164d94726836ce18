"""Where a network computes: "cpu", or "cuda" if there is a GPU and what it takes to use it."""

from __future__ import annotations

import importlib.util

from numba import config

from ..checks.values import known_name
from ..errors import DeviceError

DEVICES = ("cpu", "cuda", "auto")


def chosen_device(value: object) -> str:
    """ "cpu" or "cuda", from a device's name; "auto" is "cuda" where that can be used.

    Raises
    ------
    DeviceError
        If "cuda" cannot be used; the message says what is missing.

    Examples
    --------
    >>> chosen_device("cpu")
    'cpu'
    """
    name = known_name("device", value, DEVICES)
    if name == "cpu":
        return name
    missing = missing_for_cuda()
    if missing is None:
        return "cuda"
    if name == "auto":
        return "cpu"
    raise DeviceError(f"device is 'cuda', but {missing}. device='auto' takes the CPU instead")


def missing_for_cuda() -> str | None:
    """What is missing to compute on a GPU, or None.

    Numba's simulator counts as a GPU.
    """
    if config.ENABLE_CUDASIM:
        return None
    if importlib.util.find_spec("numba_cuda") is None:
        return (
            "numba-cuda is not installed: pip install 'numba-cuda[cu13]' 'numpy<2.5' "
            "(or [cu12], for drivers older than 580)"
        )
    if not gpu_is_available():
        return (
            "no GPU can be used: numba-cuda found no NVIDIA driver with a device, or one too old "
            "for its toolkit. See nvidia-smi; pip install 'numba-cuda[cu12]' for drivers "
            "older than 580"
        )
    return None


def gpu_is_available() -> bool:
    """Whether numba-cuda finds a driver and a device."""
    from ..kernels.cuda.compile.jit import cuda

    return bool(cuda.is_available())
