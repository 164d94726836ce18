"""The forms of NumPy's rows."""

from __future__ import annotations

from ..problems.workload import Prepare
from . import numpy_in_place, numpy_vectorised

DESCENTS: dict[str, Prepare] = {
    "new arrays": numpy_vectorised.descent,
    "arrays made beforehand": numpy_in_place.descent,
}
PREDICTIONS: dict[str, Prepare] = {
    "new arrays": numpy_vectorised.prediction,
    "arrays made beforehand": numpy_in_place.prediction,
}
