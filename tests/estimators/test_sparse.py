"""Estimators on sparse matrices: what they give is what they give on the dense ones."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

import nnlib
from nnlib import layers
from nnlib.checks.sparse import Records
from nnlib.estimators import inputs
from nnlib.estimators.scaling import fitted_scaling

pytestmark = [
    pytest.mark.cpu("host"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
FORMATS = ("csr", "csc", "coo", "lil")


def data(n=60, features=12, density=0.3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, features)) * (rng.random((n, features)) < density)
    return X, (X[:, 0] + X[:, 1] > 0.1).astype(int)


def model(kind=nnlib.MLPClassifier, **others):
    settings = {"hidden_layer_sizes": (5,), "batch_size": 16, "max_iter": 8, "random_state": 0}
    return kind(**(settings | others))


def assert_same(one, other):
    for ours, theirs in zip(
        [*one.coefs_, *one.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("kind", [nnlib.MLPClassifier, nnlib.MLPRegressor])
@pytest.mark.parametrize("made", FORMATS)
def test_fits_are_those_of_dense_matrices(kind, made):
    X, y = data()
    dense = model(kind).fit(X, y)
    fitted = model(kind).fit(sparse.csr_array(X).asformat(made), y)
    assert_same(fitted, dense)
    assert fitted.n_features_in_ == 12
    predicted = fitted.predict(sparse.csr_matrix(X).asformat(made))
    np.testing.assert_allclose(predicted, dense.predict(X), rtol=1e-8)
    np.testing.assert_allclose(fitted.predict(X), predicted, rtol=1e-8)


@pytest.mark.parametrize("settings", [
    {"solver": "lbfgs"},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1},
    {"early_stopping": True, "validation_fraction": 0.2},
    {"early_stopping": True, "scoring": "neg_log_loss"},
    {"class_weight": "balanced", "alpha": 0.1},
    {"n_members": 3},
    {"hidden_layer_sizes": [layers.Dense(4, "tanh"), layers.Dense(3, "tanh")]},
])  # fmt: skip
def test_parameters_mean_the_same(settings):
    X, y = data()
    dense = model(**settings).fit(X, y)
    fitted = model(**settings).fit(sparse.csr_array(X), y)
    assert_same(fitted, dense)
    proba = fitted.predict_proba(sparse.csc_array(X))
    np.testing.assert_allclose(proba, dense.predict_proba(X), rtol=1e-7)


def test_eval_set_and_weights_go_with_sparse_matrices():
    X, y = data()
    held_out, answers = data(20, seed=1)
    weights = np.random.default_rng(2).random(len(y))
    dense = model(early_stopping=True).fit(X, y, weights, eval_set=(held_out, answers))
    fitted = model(early_stopping=True).fit(
        sparse.csr_array(X), y, weights, eval_set=(sparse.csc_array(held_out), answers)
    )
    assert_same(fitted, dense)
    np.testing.assert_allclose(fitted.validation_curve_, dense.validation_curve_, rtol=1e-9)
    assert fitted.validation_scores_ == dense.validation_scores_


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_partial_fit_goes_on(dtype):
    X, y = data()
    X = X.astype(dtype)
    dense, fitted = model(), model()
    for part in (slice(0, 30), slice(30, 60)):
        dense.partial_fit(X[part], y[part], classes=[0, 1])
        fitted.partial_fit(sparse.csr_array(X)[part], y[part], classes=[0, 1])
    assert fitted.coefs_[0].dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(fitted.coefs_[0], dense.coefs_[0], rtol=tolerance, atol=tolerance)


def test_a_warm_start_may_change_from_sparse_to_dense():
    X, y = data()
    dense = model(warm_start=True).fit(X, y).fit(X, y)
    mixed = model(warm_start=True).fit(sparse.csr_array(X), y).fit(X, y)
    assert_same(mixed, dense)


def with_a_constant_and_an_empty_column(seed=0):
    X, _ = data(40, density=0.6, seed=seed)
    X[:, 0], X[:, 1] = 0.1, 0.0
    return X


@pytest.mark.parametrize("weighted", [False, True])
def test_standard_widths_are_scikit_learns(weighted):
    X = with_a_constant_and_an_empty_column()
    weights = np.random.default_rng(1).random(len(X)) if weighted else np.empty(0)
    scaling = fitted_scaling("standard", inputs.as_rows(sparse.csr_array(X)), weights)
    scaler = StandardScaler(with_mean=False).fit(X, sample_weight=weights if weighted else None)
    np.testing.assert_allclose(scaling.width, scaler.scale_, rtol=1e-12)
    assert not scaling.center.any()


@pytest.mark.parametrize("density", [0.1, 0.3, 0.6, 0.9])
def test_robust_widths_are_scikit_learns(density):
    X, _ = data(41, density=density)
    scaling = fitted_scaling("robust", inputs.as_rows(sparse.csr_array(X)), np.empty(0))
    scaler = RobustScaler(with_centering=False).fit(X)
    np.testing.assert_allclose(scaling.width, scaler.scale_, rtol=1e-12)


def test_widths_are_of_summed_duplicates():
    rows = sparse.csr_array((np.array([1.0, 2.0, 4.0]), np.zeros(3, int), np.array([0, 2, 3])))
    scaling = fitted_scaling("standard", inputs.as_rows(rows), np.empty(0))  # of 1 + 2 and 4
    np.testing.assert_allclose(scaling.width, [0.5])


def test_scale_is_that_of_a_pipeline():
    X, y = data()
    matrix = sparse.csr_array(X)
    fitted = model(scale="standard").fit(matrix, y)
    pipeline = make_pipeline(StandardScaler(with_mean=False), model()).fit(matrix, y)
    assert_same(fitted, pipeline[-1])
    np.testing.assert_allclose(fitted.predict_proba(X), pipeline.predict_proba(X), rtol=1e-8)


def test_what_is_centred_takes_no_sparse_matrix():
    X, y = data()
    fitted = model(scale="standard").fit(X, y)
    with pytest.raises(ValueError, match=r"X is a sparse matrix.*give X\.toarray\(\), or fit with"):
        fitted.predict(sparse.csr_array(X))


def test_scorers_see_sparse_matrices():
    X, y = data()
    seen = []

    def score(estimator, X, y):
        seen.append(X)
        return estimator.score(X, y)

    model(early_stopping=True, scoring=score).fit(sparse.csc_array(X), y)
    assert all(sparse.issparse(part) and part.shape == (6, 12) for part in seen)


@pytest.mark.parametrize("scale", [None, "standard"])
def test_a_search_is_that_of_grid_search(scale):
    X, y = data()
    matrix, grid = sparse.csc_matrix(X), {"alpha": [1e-3, 1.0], "hidden_layer_sizes": [(3,), (6,)]}
    own = model(solver="lbfgs", scale=scale, max_iter=30)
    ours = nnlib.MLPSearchCV(own, grid, cv=3).fit(matrix, y)
    theirs = GridSearchCV(own, grid, cv=3).fit(matrix, y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], atol=1e-12
    )
    assert (ours.predict(matrix) == theirs.predict(matrix)).all()
    assert ours.__sklearn_tags__().input_tags.sparse


TEXTS = ["a good film", "a bad film", "good, very good", "bad, very bad"] * 5


@pytest.mark.parametrize("vectorizer", [CountVectorizer(binary=True), TfidfVectorizer()])
def test_vectorizers_output_is_taken(vectorizer):
    y = np.array([1, 0] * 10)
    pipeline = make_pipeline(vectorizer, model(max_iter=300, learning_rate_init=0.05)).fit(TEXTS, y)
    assert pipeline.score(TEXTS, y) == 1.0
    assert pipeline.predict(["very good"]) == [1]


def test_a_pickle_predicts_the_same():
    X, y = data()
    matrix = sparse.csr_array(X)
    fitted = model(scale="standard").fit(matrix, y)
    copy = pickle.loads(pickle.dumps(fitted))
    assert (copy.predict_proba(matrix) == fitted.predict_proba(matrix)).all()


def test_records_become_matrices_again():
    X, _ = data()
    rows = inputs.as_rows(sparse.csr_array(X))
    assert isinstance(rows[3:9], Records)
    assert (inputs.matrix_of(rows[3:9]).toarray() == X[3:9]).all()
    ones = sparse.csr_array((X != 0).astype(float))
    assert (inputs.as_given(inputs.as_rows(ones)).toarray() == (X != 0)).all()


def test_bad_sparse_matrices_are_refused():
    X, y = data()
    matrix = sparse.csr_array(X)
    matrix.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model().fit(matrix, y)
    matrix = sparse.csr_array(X)
    matrix.indices[5] = -1
    with pytest.raises(ValueError, match=r"X has the column index -1 in row"):
        model().fit(matrix, y)
    stack = [layers.Dropout(0.5), layers.Dense(3, "relu")]
    with pytest.raises(TypeError, match=r"X is a sparse matrix, wanted a dense array: its layer"):
        model(hidden_layer_sizes=stack).fit(sparse.csr_array(X), y)
    with pytest.raises(ValueError, match="12 features"):
        model().fit(sparse.csr_array(X), y).predict(sparse.csr_array(X[:, :5]))


def test_sparse_targets_are_refused():
    X, y = data()
    labels = sparse.csr_array(np.stack([y, 1 - y], axis=1))
    with pytest.raises(TypeError, match=r"y is a sparse matrix.*give y\.toarray\(\)"):
        model().fit(X, labels)
    with pytest.raises(TypeError, match="y is a sparse matrix"):
        model().partial_fit(X, labels, classes=[0, 1])
    with pytest.raises(TypeError, match="y is a sparse matrix"):
        model().fit(X, y, eval_set=(X, labels))
