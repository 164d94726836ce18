"""scikit-learn's own tests of its multilayer perceptrons, run against ours.

Their file is read from the installed package, and the import of their two classes replaced.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import nnlib

pytestmark = pytest.mark.cpu("host")

# The tests that are left out, and why.
LEFT_OUT = {
    "test_gradient": "calls the private _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads the private _optimizer.learning_rate",
    "test_adaptive_learning_rate": "reads the private _optimizer.learning_rate",
}
IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"


def their_file() -> Path:
    folder = importlib.util.find_spec("sklearn.neural_network").submodule_search_locations[0]
    return Path(folder) / "tests" / "test_mlp.py"


def their_tests() -> dict[str, object]:
    """The tests in their file by name, about our classes."""
    source = their_file().read_text()
    assert source.count(IMPORT) == 1
    code = compile(source.replace(IMPORT, ""), str(their_file()), "exec")
    names = {
        "__name__": __name__,
        "MLPClassifier": nnlib.MLPClassifier,
        "MLPRegressor": nnlib.MLPRegressor,
    }
    exec(code, names)
    return {name: value for name, value in names.items() if name.startswith("test_")}


THEIRS = their_tests()


@pytest.fixture(params=[0])
def global_random_seed(request):
    """Their fixture of the same name, with its default."""
    return request.param


@pytest.fixture(autouse=True)
def _warnings_are_theirs(recwarn):
    """Their tests warn of iterations that end too soon; scikit-learn lets them."""
    np.random.seed(0)


def test_only_existing_tests_are_left_out():
    assert set(LEFT_OUT) <= set(THEIRS)


for _name, _test in THEIRS.items():
    if _name not in LEFT_OUT:
        _test.__module__ = __name__
        globals()[_name] = pytest.mark.filterwarnings("ignore")(_test)
