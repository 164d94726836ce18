"""Neural networks small enough that a framework's overhead is the cost.

>>> import nnlib
>>> net = nnlib.Network([1, 2, 1], activation="sigmoid", seed=0)
>>> net.parameters.size
7
"""

from __future__ import annotations

from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

_KERNELS = _Path(__file__).with_name("kernels")
if not _KERNELS.is_dir():
    raise ImportError(
        f"{_KERNELS} is a link in the repository, and was checked out as a text file: run `git "
        "config core.symlinks true` and check it out again (Windows needs its developer mode for "
        "links), or install a wheel"
    )

from . import activations, course, data, layers, losses, optimizers, schedules, sequences, text
from .commands.warm_up import warm_up
from .errors import DeviceError, DivergenceError, FormatError
from .history import History
from .load import load
from .machine.threads import get_threads, set_threads
from .network import Network
from .population.result import Population
from .train_groups import train_groups
from .train_many import train_many

if _TYPE_CHECKING:
    from .estimators import MLPClassifier as MLPClassifier
    from .estimators import MLPRegressor as MLPRegressor
    from .estimators import MLPSearchCV as MLPSearchCV

__all__ = [
    "DeviceError",
    "DivergenceError",
    "FormatError",
    "History",
    "Network",
    "Population",
    "activations",
    "course",
    "data",
    "get_threads",
    "layers",
    "load",
    "losses",
    "optimizers",
    "schedules",
    "sequences",
    "set_threads",
    "text",
    "train_groups",
    "train_many",
    "warm_up",
]
__version__ = "0.1.0"

# They need scikit-learn, which an import of nnlib leaves alone.
_ESTIMATORS = ("MLPClassifier", "MLPRegressor", "MLPSearchCV")


def __getattr__(name: str) -> _Any:
    if name not in _ESTIMATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from . import estimators
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("sklearn", "scipy"):
            raise
        raise ImportError(
            f"nnlib.{name} needs scikit-learn, the extra sklearn: pip install scikit-learn"
        ) from None
    return getattr(estimators, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ESTIMATORS])
