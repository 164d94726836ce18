"""`MLPSearchCV` beside scikit-learn's `GridSearchCV`, and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.neural_network import MLPClassifier

import nnlib
from nnlib import layers

pytestmark = [
    pytest.mark.cpu("host"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
GRID = {"alpha": [1e-3, 1.0], "hidden_layer_sizes": [(4,), (8, 4)]}


def classifier(**options):
    options = {"scale": "standard", "learning_rate_init": 0.02, "random_state": 0, **options}
    return nnlib.MLPClassifier((8,), **options)


def test_results_have_the_form_of_grid_search():
    ours = nnlib.MLPSearchCV(classifier(max_iter=100), GRID, cv=3).fit(X, Y)
    theirs = GridSearchCV(classifier(max_iter=100), GRID, cv=3).fit(X, Y)
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name, column in theirs.cv_results_.items():
        assert np.shape(ours.cv_results_[name]) == np.shape(column)
    mean = ours.cv_results_["mean_test_score"]
    assert ours.best_score_ == mean.max() == mean[ours.best_index_]
    assert ours.best_params_ == ours.cv_results_["params"][ours.best_index_]
    assert ours.cv_results_["rank_test_score"][ours.best_index_] == 1
    # Mini-batches come in another order.
    np.testing.assert_allclose(mean, theirs.cv_results_["mean_test_score"], atol=0.06)


@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"shuffle": False}], ids=str)
def test_candidates_start_as_their_own_fits_do(options):
    options = {"max_iter": 30, **options}
    ours = nnlib.MLPSearchCV(classifier(**options), GRID, cv=3).fit(X, Y)
    theirs = GridSearchCV(classifier(**options), GRID, cv=3).fit(X, Y)
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name])


def test_the_best_candidate_is_fitted_on_all_the_data():
    search = nnlib.MLPSearchCV(classifier(max_iter=50), GRID, cv=3).fit(X, Y)
    by_hand = classifier(max_iter=50).set_params(**search.best_params_).fit(X, Y)
    np.testing.assert_array_equal(search.predict_proba(X), by_hand.predict_proba(X))
    assert search.score(X, Y) == by_hand.score(X, Y)
    assert list(search.classes_) == [0, 1, 2]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search)).predict(X), search.predict(X))


def test_out_of_fold_predictions_give_the_scores():
    names = np.array(["setosa", "versicolor", "virginica"])[Y]
    folds = KFold(3, shuffle=True, random_state=0)
    search = nnlib.MLPSearchCV(classifier(max_iter=50), GRID, cv=folds).fit(X, names)
    right = search.oof_predict_ == names
    for number, (_, test) in enumerate(folds.split(X)):
        score = search.cv_results_[f"split{number}_test_score"][search.best_index_]
        assert score == right[test].mean()


def test_folds_scale_with_their_own_examples():
    """One candidate of one fold is the network of a fit on that fold's scaled examples."""
    train, test = np.arange(300), np.arange(300, len(DIABETES))
    model = nnlib.MLPRegressor(hidden_layer_sizes=3, scale="robust", solver="lbfgs", random_state=0)
    search = nnlib.MLPSearchCV(model, {"alpha": [100.0]}, cv=[(train, test)], refit=False)
    search.fit(DIABETES, PROGRESS)
    by_hand = clone(model).set_params(alpha=100.0).fit(DIABETES[train], PROGRESS[train])
    # A penalty of this size leaves one minimum, which other starts reach too.
    score = by_hand.score(DIABETES[test], PROGRESS[test])
    assert search.best_score_ == pytest.approx(score, abs=0.02)
    assert np.isnan(search.oof_predict_[train]).all()
    assert not hasattr(search, "best_estimator_")


def test_different_solvers_scalings_and_grids():
    grids = [
        {"solver": ["lbfgs", "sgd", "adamw"], "scale": [None, "standard"]},
        {"activation": ["tanh"], "dropout": [0.1], "batch_size": [32], "tol": [1e-3]},
    ]
    search = nnlib.MLPSearchCV(classifier(max_iter=20, early_stopping=True), grids, cv=2)
    results = search.fit(X, Y).cv_results_
    assert len(results["params"]) == 7
    assert results["param_solver"].mask.tolist() == [False] * 6 + [True]
    assert np.isfinite(results["mean_test_score"]).all()


def test_it_is_what_its_estimator_is():
    assert is_classifier(nnlib.MLPSearchCV(classifier(), GRID))
    assert is_regressor(nnlib.MLPSearchCV(nnlib.MLPRegressor(), GRID))
    assert not hasattr(nnlib.MLPSearchCV(nnlib.MLPRegressor(), GRID), "predict_proba")


def test_sample_weights_count_in_training():
    weights = np.where(Y == 2, 0.0, 1.0)
    search = nnlib.MLPSearchCV(classifier(max_iter=50), {"alpha": [1e-3]}, cv=3)
    assert 2 not in search.fit(X, Y, weights).oof_predict_


def test_what_the_best_estimator_knows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    search = nnlib.MLPSearchCV(classifier(max_iter=9), {"alpha": [1.0]}, cv=2)
    for name in ("classes_", "n_features_in_", "feature_names_in_"):
        assert not hasattr(search, name)
    search.fit(frame, Y)
    assert search.n_features_in_ == 4
    assert search.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(
        search.predict_log_proba(frame), np.log(search.predict_proba(frame))
    )
    with pytest.raises(ValueError, match="must be in the same order"):
        search.predict(frame[["b", "a", "c", "d"]])
    assert not hasattr(search.fit(X, Y), "feature_names_in_")


def test_groups_stay_together():
    groups = np.arange(len(X)) % 3
    search = nnlib.MLPSearchCV(classifier(max_iter=9), {"alpha": [1.0]}, cv=GroupKFold(3))
    search.fit(X, Y, groups=groups)
    for number, (_, test) in enumerate(GroupKFold(3).split(X, Y, groups)):
        score = search.cv_results_[f"split{number}_test_score"][0]
        assert score == (search.oof_predict_[test] == Y[test]).mean()


@pytest.mark.parametrize("scoring", ["neg_log_loss", "balanced_accuracy", "roc_auc_ovr"])
@pytest.mark.parametrize("classes", [2, 3])
def test_scoring_is_that_of_grid_search(scoring, classes):
    few = np.isin(Y, range(classes))
    names = np.array(["setosa", "versicolor", "virginica"])[Y[few]]
    model = classifier(solver="lbfgs", max_iter=30)
    ours = nnlib.MLPSearchCV(model, GRID, cv=3, scoring=scoring).fit(X[few], names)
    theirs = GridSearchCV(model, GRID, cv=3, scoring=scoring).fit(X[few], names)
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-12)
    assert ours.best_params_ == theirs.best_params_
    assert ours.score(X[few], names) == pytest.approx(theirs.score(X[few], names))


def test_scoring_of_a_regression_and_by_a_function():
    model = nnlib.MLPRegressor(
        hidden_layer_sizes=(4,), scale="standard", solver="lbfgs", max_iter=20, random_state=0
    )

    def furthest(estimator, X, y):
        return -abs(estimator.predict(X) - y).max()

    for scoring in ("neg_mean_absolute_error", furthest):
        ours = nnlib.MLPSearchCV(model, {"alpha": [1e-3, 1.0]}, cv=3, scoring=scoring)
        theirs = GridSearchCV(model, {"alpha": [1e-3, 1.0]}, cv=3, scoring=scoring)
        np.testing.assert_allclose(
            ours.fit(DIABETES, PROGRESS).cv_results_["mean_test_score"],
            theirs.fit(DIABETES, PROGRESS).cv_results_["mean_test_score"],
        )


def test_a_scoring_that_is_none():
    for scoring, error, message in [
        (["accuracy"], TypeError, "scoring must be the name of one scorer, a function"),
        ("acuracy", ValueError, "acuracy"),
    ]:
        with pytest.raises(error, match=message):
            nnlib.MLPSearchCV(classifier(), GRID, scoring=scoring).fit(X, Y)


def test_arguments_have_near_names():
    with pytest.raises(TypeError, match="did you mean 'param_grid'"):
        nnlib.MLPSearchCV(classifier(), param_gird=GRID)
    for kind in (nnlib.MLPClassifier, nnlib.MLPRegressor):
        for given, meant in [
            ("hidden_layer_size", "'hidden_layer_sizes'"),
            ("optimizer", "'solver'"),
            ("lr", "'learning_rate_init' or 'learning_rate'"),
            ("n_estimators", "'n_members'"),
        ]:
            with pytest.raises(TypeError, match=rf"did you mean {meant}\?"):
                kind(**{given: 3})
    with pytest.raises(TypeError, match="refit must be True or False; got 'accuracy'"):
        nnlib.MLPSearchCV(classifier(), GRID, refit="accuracy").fit(X, Y)


@pytest.mark.parametrize("name", ["max_iter", "loss", "random_state", "n_members"])
def test_what_candidates_share_is_not_in_a_grid(name):
    with pytest.raises(ValueError, match=f"param_grid has '{name}', which all candidates share"):
        nnlib.MLPSearchCV(classifier(), {name: [1, 2]}).fit(X, Y)


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match=r"estimator must be an nnlib\.MLPClassifier"):
        nnlib.MLPSearchCV(MLPClassifier(), GRID).fit(X, Y)
    with pytest.raises(ValueError, match="estimator has n_members"):
        nnlib.MLPSearchCV(classifier(n_members=3), GRID).fit(X, Y)
    stack = nnlib.MLPClassifier([layers.Dense(4, "relu")])
    with pytest.raises(ValueError, match="hidden_layer_sizes is a stack of layers"):
        nnlib.MLPSearchCV(stack, {"alpha": [1.0]}).fit(X, Y)


def test_what_is_for_a_single_network():
    model = classifier(solver="sgd")
    with pytest.raises(ValueError, match="learning_rate='adaptive' is for a single network"):
        nnlib.MLPSearchCV(model, {"learning_rate": ["constant", "adaptive"]}).fit(X, Y)


def test_values_are_checked_before_any_work():
    with pytest.raises(ValueError, match="The 'alpha' parameter of MLPClassifier must be"):
        nnlib.MLPSearchCV(classifier(), {"alpha": [-1.0]}).fit(X, Y)
