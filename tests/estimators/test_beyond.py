"""What our estimators have beyond scikit-learn's, and what they refuse."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import get_scorer
from sklearn.preprocessing import RobustScaler, StandardScaler

import nnlib
from nnlib import activations, layers, losses, optimizers, schedules

pytestmark = [
    pytest.mark.cpu("host"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

DIGITS, CLASSES = load_digits(return_X_y=True)
DIGITS = DIGITS / 16
TRAIN, LATER = slice(300), slice(300, 500)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)


def classifier(**options):
    return nnlib.MLPClassifier(**{"hidden_layer_sizes": 8, "random_state": 0, **options})


def regressor(**options):
    return nnlib.MLPRegressor(**{"hidden_layer_sizes": 8, "random_state": 0, **options})


# -- classes, weights, losses


def test_class_weights_are_sample_weights():
    weights = np.where(CLASSES[TRAIN] == 3, 5.0, 1.0)
    by_class = classifier(class_weight={3: 5.0}).fit(DIGITS[TRAIN], CLASSES[TRAIN])
    by_sample = classifier().fit(DIGITS[TRAIN], CLASSES[TRAIN], sample_weight=weights)
    np.testing.assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])


def test_class_weights_multiply_sample_weights():
    weights = np.linspace(0.5, 2, 300)
    both = classifier(class_weight="balanced").fit(DIGITS[TRAIN], CLASSES[TRAIN], weights)
    count = np.bincount(CLASSES[TRAIN])[CLASSES[TRAIN]]
    alone = classifier().fit(DIGITS[TRAIN], CLASSES[TRAIN], weights * 30 / count)
    np.testing.assert_allclose(both.coefs_[0], alone.coefs_[0], atol=1e-8)


def test_string_labels():
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "9"])
    model = classifier(max_iter=50).fit(DIGITS[TRAIN], names[CLASSES[TRAIN]])
    assert list(model.classes_) == sorted(names)
    assert set(model.predict(DIGITS[LATER])) <= set(names)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (losses.Focal(2), CLASSES > 4),
        (losses.BinaryCrossEntropy(0.1), CLASSES > 4),
        (losses.SoftmaxFocal(2), CLASSES),
        (losses.SoftmaxCrossEntropy(0.1), CLASSES),
    ],
)
def test_losses_of_classes(loss, targets):
    model = classifier(loss=loss, learning_rate_init=0.02)
    model.fit(DIGITS[TRAIN], targets[TRAIN])
    assert model.score(DIGITS[TRAIN], targets[TRAIN]) > 0.9


def test_a_quantile():
    model = regressor(loss=losses.Quantile(0.9), scale="standard", solver="adam", max_iter=400)
    model.fit(DIABETES, PROGRESS)
    assert 0.85 < np.mean(model.predict(DIABETES) >= PROGRESS) < 0.95


# -- architectures, optimizers, schedules


def test_a_stack_of_layers():
    stack = [layers.Dense(16, "relu"), layers.Dropout(0.1), layers.Dense(8, "tanh")]
    model = nnlib.MLPClassifier(stack, random_state=0, max_iter=100, learning_rate_init=0.01)
    model.fit(DIGITS[TRAIN], CLASSES[TRAIN])
    assert [coefs.shape for coefs in model.coefs_] == [(64, 16), (16, 8), (8, 10)]
    assert model.score(DIGITS[LATER], CLASSES[LATER]) > 0.7
    again = copy.deepcopy(model).fit(DIGITS[TRAIN], CLASSES[TRAIN])
    np.testing.assert_array_equal(again.coefs_[0], model.coefs_[0])


def test_an_activation_for_each_layer():
    model = nnlib.MLPRegressor(
        hidden_layer_sizes=(5, 4), activation=["gelu", "logistic"], max_iter=3
    ).fit(DIABETES, PROGRESS)
    assert model._network.activations == ("gelu", "sigmoid", "identity")


def test_an_activation_of_ones_own():
    sine = activations.Custom(lambda z: math.sin(z), lambda z: math.cos(z), name="sine")
    model = regressor(activation=sine, max_iter=3).fit(DIABETES, PROGRESS)
    assert model._network.activations[0] is sine


def test_as_many_activations_as_layers():
    with pytest.raises(ValueError, match="activation has 1 entries, wanted one for each of 2"):
        nnlib.MLPRegressor(hidden_layer_sizes=(5, 4), activation=["relu"]).fit(DIABETES, PROGRESS)


@pytest.mark.parametrize("solver", ["rmsprop", "adamw", "rprop", optimizers.Adagrad()])
def test_other_optimizers(solver):
    batch = len(DIABETES) if solver == "rprop" else "auto"
    options = {"solver": solver, "batch_size": batch, "scale": "standard"}
    model = regressor(learning_rate_init=0.01, max_iter=300, **options)
    assert model.fit(DIABETES, PROGRESS).score(DIABETES, PROGRESS) > 0.4


def test_levenberg_marquardt():
    model = regressor(solver="levenberg_marquardt", scale="standard", hidden_layer_sizes=3)
    assert model.fit(DIABETES, PROGRESS).score(DIABETES, PROGRESS) > 0.5


def test_a_schedule_is_the_learning_rate():
    rates = []
    schedule = schedules.Step(0.01, every=2)
    regressor(
        learning_rate=schedule,
        max_iter=6,
        callbacks=[lambda report: rates.append(report.learning_rate)],
    ).fit(DIABETES, PROGRESS)
    np.testing.assert_array_equal(rates, schedule.rates(6))


@pytest.mark.filterwarnings("error")
def test_the_end_of_a_schedule_is_no_warning():
    model = regressor(learning_rate=schedules.Cosine(0.01), max_iter=3).fit(DIABETES, PROGRESS)
    assert model.n_iter_ == 3


def test_dropout_is_for_training_alone():
    model = classifier(dropout=0.5, max_iter=5).fit(DIGITS[TRAIN], CLASSES[TRAIN])
    plain = classifier(max_iter=5).fit(DIGITS[TRAIN], CLASSES[TRAIN])
    assert not np.array_equal(model.coefs_[0], plain.coefs_[0])
    probabilities = model.predict_proba(DIGITS[LATER])
    np.testing.assert_array_equal(probabilities, model.predict_proba(DIGITS[LATER]))


# -- scaling


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler), ("robust", RobustScaler)]
)
def test_scaling_is_that_of_a_pipeline(scale, scaler):
    ours = regressor(scale=scale, max_iter=30).fit(DIABETES, PROGRESS)
    inputs, targets = scaler(), scaler()
    X, y = inputs.fit_transform(DIABETES), targets.fit_transform(PROGRESS[:, None])
    by_hand = regressor(max_iter=30).fit(X, y.ravel())
    expected = targets.inverse_transform(by_hand.predict(X)[:, None]).ravel()
    np.testing.assert_allclose(ours.predict(DIABETES), expected, rtol=1e-6)


def test_a_constant_column_stays():
    X = np.column_stack([DIABETES[:, 0], np.full(len(DIABETES), 1e6)])
    model = regressor(scale="standard", max_iter=3).fit(X, PROGRESS)
    assert np.isfinite(model.predict(X)).all()


def test_scaling_learns_nothing_from_examples_held_out():
    model = regressor(scale="standard", early_stopping=True, max_iter=3).fit(DIABETES, PROGRESS)
    assert not np.allclose(model._scaling.center, DIABETES.mean(axis=0), rtol=1e-9, atol=0)


# -- what an epoch tells


def test_eval_set():
    model = classifier(max_iter=20)
    model.fit(DIGITS[TRAIN], CLASSES[TRAIN], eval_set=(DIGITS[LATER], CLASSES[LATER]))
    assert len(model.validation_curve_) == model.n_iter_ == 20
    chosen = model.predict_proba(DIGITS[LATER])[np.arange(200), CLASSES[LATER]]
    assert model.validation_curve_[-1] == pytest.approx(-np.log(chosen).mean())


def test_early_stopping_by_an_eval_set():
    model = classifier(max_iter=300, early_stopping=True)
    model.fit(DIGITS[TRAIN], CLASSES[TRAIN], eval_set=(DIGITS[LATER], CLASSES[LATER]))
    assert model.score(DIGITS[LATER], CLASSES[LATER]) == model.best_validation_score_
    assert model.t_ == model.n_iter_ * 300  # none were held out


@pytest.mark.parametrize("scoring", ["neg_log_loss", "balanced_accuracy"])
def test_early_stopping_by_another_score(scoring):
    model = classifier(max_iter=20, early_stopping=True, scoring=scoring)
    names = np.array([f"digit {number}" for number in CLASSES])
    data = DIGITS[LATER], names[LATER]
    model.fit(DIGITS[TRAIN], names[TRAIN], eval_set=data)
    assert len(model.validation_scores_) == model.n_iter_
    expected = get_scorer(scoring)(model, *data)
    assert model.best_validation_score_ == pytest.approx(expected)


def test_early_stopping_by_a_function_of_ones_own():
    def error(estimator, X, y):
        return -np.abs(estimator.predict(X) - y).mean()

    model = regressor(early_stopping=True, scoring=error, scale="standard", max_iter=5)
    model.fit(DIABETES, PROGRESS, eval_set=(DIABETES, PROGRESS))
    assert model.best_validation_score_ == pytest.approx(error(model, DIABETES, PROGRESS))


def test_an_eval_set_of_unknown_classes():
    model = classifier(max_iter=3)
    with pytest.raises(ValueError, match=r"y has classes \[9\] that the training data has not"):
        model.fit(DIGITS[TRAIN], CLASSES[TRAIN] % 9, eval_set=(DIGITS[:1], [9]))


@pytest.mark.parametrize("eval_set", [DIGITS, (DIGITS,), [1, 2]])
def test_an_eval_set_of_another_form(eval_set):
    with pytest.raises(ValueError, match=r"eval_set must be a pair \(X, y\)"):
        classifier(max_iter=3).fit(DIGITS[TRAIN], CLASSES[TRAIN], eval_set=eval_set)


def test_lbfgs_has_no_eval_set():
    with pytest.raises(ValueError, match="eval_set needs a solver by epochs"):
        classifier(solver="lbfgs").fit(DIGITS, CLASSES, eval_set=(DIGITS, CLASSES))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_stops(solver):
    heard = []
    model = regressor(
        solver=solver, scale="standard", callbacks=[heard.append, lambda report: True]
    )
    model.fit(DIABETES, PROGRESS)
    assert heard[0].epoch == model.n_iter_


def test_a_time_limit_ends_a_fit():
    model = classifier(max_iter=10**6, tol=0, n_iter_no_change=np.inf, time_limit=0.2)
    with pytest.warns(ConvergenceWarning, match=r"Time limit \(0.2 s\) reached"):
        model.fit(DIGITS[TRAIN], CLASSES[TRAIN])
    assert 0 < model.n_iter_ < 10**6


@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"n_members": 2}])
def test_warnings_point_at_the_call_of_fit(options):
    model = regressor(max_iter=1, **options)
    with pytest.warns(ConvergenceWarning) as warned:
        model.fit(DIABETES, PROGRESS)
    assert {warning.filename for warning in warned} == {__file__}


def test_an_interrupted_fit_keeps_its_epochs():
    def interrupt(report):
        if report.epoch == 3:
            raise KeyboardInterrupt

    model = classifier(callbacks=[interrupt])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(DIGITS[TRAIN], CLASSES[TRAIN])
    assert model.n_iter_ == 3
    assert model.predict(DIGITS[LATER]).shape == (200,)


# -- ensembles


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_ensemble_averages(solver):
    model = regressor(n_members=4, scale="standard", solver=solver, max_iter=50)
    mean, spread = model.fit(DIABETES, PROGRESS).predict(DIABETES, return_std=True)
    inputs = model._scaling.apply(DIABETES)
    members = np.array([net.F(inputs).ravel() for net in model.members_])
    members = members * model._target_scaling.width + model._target_scaling.center
    np.testing.assert_allclose(mean, members.mean(axis=0))
    np.testing.assert_allclose(spread, members.std(axis=0))
    np.testing.assert_array_equal(mean, model.predict(DIABETES))
    assert len(model.members_) == 4
    assert spread.min() > 0


def test_an_ensemble_of_classifiers_averages_probabilities():
    model = classifier(n_members=3, max_iter=40, early_stopping=True)
    model.fit(DIGITS[TRAIN], CLASSES[TRAIN])
    mean = np.mean([net.F(DIGITS[LATER]) for net in model.members_], axis=0)
    np.testing.assert_allclose(model.predict_proba(DIGITS[LATER]), mean)
    np.testing.assert_array_equal(model.predict(DIGITS[LATER]), mean.argmax(axis=1))


def test_an_ensemble_is_that_of_its_random_state():
    one, two = (
        regressor(n_members=3, max_iter=5).fit(DIABETES, PROGRESS).predict(DIABETES)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"warm_start": True}, "warm_start"),
        ({"callbacks": [print]}, "callbacks"),
        ({"scoring": "r2"}, "scoring"),
        ({"solver": "sgd", "learning_rate": "adaptive"}, "learning_rate='adaptive'"),
    ],
)
def test_what_an_ensemble_cannot_do(options, named):
    with pytest.raises(ValueError, match=f"{named} is for a single network"):
        regressor(n_members=3, **options).fit(DIABETES, PROGRESS)


def test_an_ensemble_is_trained_once():
    model, data = regressor(n_members=3), (DIABETES, PROGRESS)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(ValueError, match="n_members=3 and eval_set contradict each other"):
        model.fit(*data, eval_set=data)


def test_a_spread_needs_members():
    model = regressor(max_iter=3).fit(DIABETES, PROGRESS)
    with pytest.raises(ValueError, match="return_std needs several members"):
        model.predict(DIABETES, return_std=True)


# -- going on in another way


@pytest.mark.parametrize(
    "then", [{"early_stopping": True}, {"solver": "lbfgs"}, {"solver": "sgd", "momentum": 0.5}]
)
@pytest.mark.parametrize("before", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_a_warm_start_with_other_parameters(before, then):
    model = regressor(warm_start=True, scale="standard", max_iter=5, **before)
    loss = model.fit(DIABETES, PROGRESS).loss_
    model.set_params(**{"early_stopping": False, "solver": "adam", **then})
    assert model.fit(DIABETES, PROGRESS).loss_ < loss * 1.1


def test_partial_fits_after_early_stopping():
    model = regressor(early_stopping=True, max_iter=5).fit(DIABETES, PROGRESS)
    model.set_params(early_stopping=False).partial_fit(DIABETES, PROGRESS)
    assert model.best_loss_ == model.loss_
    assert model.validation_scores_ is None


# -- coefficients that a caller writes


def test_coefficients_are_those_of_the_network():
    model = regressor(max_iter=3).fit(DIABETES, PROGRESS)
    for array in model.coefs_ + model.intercepts_:
        array[...] = 0
    assert not model.predict(DIABETES).any()
    model.intercepts_[-1] = np.array([2.0])
    assert (model.predict(DIABETES) == 2).all()
    assert (copy.deepcopy(model).predict(DIABETES) == 2).all()


# -- refused


def test_hidden_values_are_refused():
    X = np.ma.array(DIABETES, mask=DIABETES > 0.15)
    with pytest.raises(ValueError, match=r"X is a masked array with \d+ masked values"):
        regressor().fit(X, PROGRESS)
    model = regressor(max_iter=3).fit(DIABETES, PROGRESS)
    with pytest.raises(ValueError, match="X is a masked array"):
        model.predict(X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_in_scikit_learns_words(value):
    model = regressor(max_iter=3).fit(DIABETES, PROGRESS)
    row = np.full((1, 10), value)
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        model.predict(row)


def test_unfitted():
    for model in (regressor(), classifier()):
        with pytest.raises(NotFittedError):
            model.predict(DIABETES)


# -- scores
