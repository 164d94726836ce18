"""The estimators among scikit-learn's tools, with data frames, and without scikit-learn."""

from __future__ import annotations

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnlib

pytestmark = [
    pytest.mark.cpu("host"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y = load_iris(return_X_y=True)
FEW = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "random_state": 0}


def test_pickles_and_copies():
    for model in (nnlib.MLPClassifier(**FEW).fit(X, Y), nnlib.MLPRegressor(**FEW).fit(X, Y)):
        for copied in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, Y)):
            np.testing.assert_array_equal(copied.predict(X), model.predict(X))
            assert np.shares_memory(copied.coefs_[0], copied._network.parameters)


def test_a_model_in_a_file_that_is_mapped_read_only(tmp_path):
    model = nnlib.MLPClassifier(**FEW).fit(X, Y)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict(X), model.predict(X))


def test_partial_fits_go_on_after_a_pickle():
    model = nnlib.MLPRegressor(hidden_layer_sizes=(4,), random_state=0)
    model.partial_fit(X, Y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        copied.partial_fit(X, Y).coefs_[0], model.partial_fit(X, Y).coefs_[0]
    )


def test_a_grid_search_in_processes():
    search = GridSearchCV(
        nnlib.MLPClassifier(**FEW), {"alpha": [1e-3, 1.0], "scale": [None, "standard"]},
        n_jobs=2, cv=3,
    )  # fmt: skip
    assert search.fit(X, Y).best_score_ > 0.9


def test_pipelines_and_scores():
    pipeline = make_pipeline(StandardScaler(), nnlib.MLPClassifier(**FEW))
    assert cross_val_score(pipeline, X, Y, cv=3).mean() > 0.9
    assert cross_val_predict(pipeline, X, Y, cv=3, method="predict_proba").shape == (150, 3)


def test_frames_between_the_steps_of_a_pipeline():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), nnlib.MLPClassifier(**FEW))
    pipeline.set_output(transform="pandas").fit(frame, Y)
    assert list(pipeline[-1].feature_names_in_) == list("abcd")
    assert pipeline.score(frame, Y) > 0.9


def test_meta_estimators():
    calibrated = CalibratedClassifierCV(nnlib.MLPClassifier(**FEW), cv=3).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    bag = BaggingRegressor(nnlib.MLPRegressor(**FEW), n_estimators=3, random_state=0)
    assert bag.fit(X, Y).score(X, Y) > 0.8
    each = MultiOutputRegressor(nnlib.MLPRegressor(**FEW)).fit(X, np.c_[Y, -Y])
    assert each.predict(X).shape == (150, 2)


def test_metadata_are_routed():
    data, classes = load_breast_cancer(return_X_y=True)
    weights = np.where(classes == 1, 5.0, 0.2)
    with sklearn.config_context(enable_metadata_routing=True):
        model = nnlib.MLPClassifier(**FEW, scale="standard").set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"alpha": [1.0]}, cv=2)
        weighted = search.fit(data, classes, sample_weight=weights).best_estimator_
    by_hand = clone(model).set_params(alpha=1.0).fit(data, classes, weights)
    np.testing.assert_array_equal(weighted.coefs_[0], by_hand.coefs_[0])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_names(library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(dict(zip("abcd", X.T, strict=True)))
    model = nnlib.MLPClassifier(**FEW).fit(frame, frames.Series(Y))
    assert list(model.feature_names_in_) == list("abcd")
    same = nnlib.MLPClassifier(**FEW).fit(X, Y)
    np.testing.assert_array_equal(model.predict(frame), same.predict(X))
    swapped = frame[["b", "a", "c", "d"]]
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.predict(swapped)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        nnlib.MLPClassifier((4,), max_iter=1).fit(frame, Y, eval_set=(swapped, Y))


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_an_import_of_nnlib_leaves_scikit_learn_alone():
    ended = run("import sys, nnlib; print('sklearn' in sys.modules, 'MLPClassifier' in dir(nnlib))")
    assert ended.stdout == "False True\n"


def test_without_scikit_learn_the_extra_is_named():
    ended = run("import sys; sys.modules['sklearn'] = None; import nnlib; nnlib.MLPClassifier")
    assert ended.stderr.splitlines()[-1] == (
        "ImportError: nnlib.MLPClassifier needs scikit-learn, the extra sklearn: pip install "
        "scikit-learn"
    )


def test_other_names_are_unknown():
    with pytest.raises(AttributeError, match="module 'nnlib' has no attribute 'MLPClusterer'"):
        nnlib.MLPClusterer  # noqa: B018


@pytest.mark.parametrize("kind", [nnlib.MLPClassifier, nnlib.MLPRegressor])
def test_weights_below_0_are_refused_by_name(kind):
    X, y = np.eye(4), np.arange(4) % 2
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        kind(max_iter=1).fit(X, y, sample_weight=[1, 1, -1, 1])
