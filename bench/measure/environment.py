"""Variables of the environment that make libraries slower or faster than their users find them.

OpenBLAS reads its own when it is loaded, so they must be gone before NumPy is imported. With
``OPENBLAS_CORETYPE=Haswell`` a processor with 512-bit vectors multiplies at half of its speed.
"""

from __future__ import annotations

from collections.abc import Mapping

TUNING = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NNLIB_THREADS",
    "XLA_FLAGS",
)


def without_tuning(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that measures.

    Examples
    --------
    >>> without_tuning({"HOME": "/", "OPENBLAS_CORETYPE": "Haswell"})
    {'HOME': '/'}
    """
    return {name: value for name, value in environment.items() if name not in TUNING}


def complaint(environment: Mapping[str, str]) -> str | None:
    """Which variables forbid to measure, as a sentence; None if none does.

    Examples
    --------
    >>> complaint({"OPENBLAS_CORETYPE": "Haswell"})
    'OPENBLAS_CORETYPE must not be set where speed is measured: unset it and start again'
    """
    found = ", ".join(name for name in TUNING if name in environment)
    if not found:
        return None
    return f"{found} must not be set where speed is measured: unset it and start again"
