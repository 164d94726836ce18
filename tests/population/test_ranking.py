"""Which member is the best: scores, folds by the mean of theirs, and members without a score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnlib
from nnlib.population.ranking import best_first, best_folds_first, group_means

X = np.linspace(0, 1, 12)
Y = X**2


@pytest.fixture(scope="module")
def folded():
    grid = {"learning_rate": [0.1, 0.2]}
    return nnlib.train_many([1, 1], X, Y, n=2, grid=grid, folds=3, epochs=1)


def test_members_without_a_score_come_last():
    assert best_first(np.array([np.nan, 3, np.inf, 1, np.nan, 1])).tolist() == [3, 5, 1, 0, 2, 4]


def test_means_leave_out_what_is_not_known():
    means = group_means(np.array([1, np.nan, np.inf, 2, np.nan]), np.array([0, 0, 1, 1, 2]))
    assert means.tolist() == [1, np.inf, np.inf]
    assert group_means(np.empty(0), np.empty(0, int)).size == 0


def test_the_luckiest_fold_is_not_the_best(folded):
    """The lowest score of all, 0, is in the worse choice: members are (choice, seed, fold)."""
    score = np.array([0, 9, 9, 5, 5, 5, 4, 4.5, 4, 1, 6, 3.0])
    population = replace(folded, validation_cost=score)
    # The second choice, its second seed (mean 10/3), the fold nearest to that.
    assert population.order.tolist() == [11, 9, 10, 6, 8, 7, 3, 4, 5, 1, 2, 0]
    np.testing.assert_array_equal(population.best.parameters, population.parameters[11])
    assert population.by_choice()[0]["learning_rate"] == 0.2
    assert (population.top(3).seed == population.seed[9]).all()


def test_a_diverged_fold_makes_its_choice_the_worst(folded):
    status = folded.status.copy()
    status[7] = 2  # DIVERGED
    population = replace(folded, validation_cost=np.arange(12.0)[::-1].copy(), status=status)
    assert population.order[0] < 6
    assert population.by_choice()[1]["mean"] == np.inf


def test_a_part_of_the_folds_is_compared_too(folded):
    population = replace(folded, validation_cost=np.arange(12.0))[[10, 11, 4]]
    assert population.order.tolist() == [2, 0, 1]


def test_starts_of_unknown_seed_are_one():
    order = best_folds_first(np.array([3.0, 1, 2]), np.zeros(3, int), np.array([None] * 3))
    assert order.tolist() == [2, 0, 1]


def draws_everything(n, seed):
    return len(np.unique(np.random.default_rng([0, seed]).integers(n, size=n))) == n


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_bootstrap_that_drew_everything_has_no_score(optimizer):
    n = 3
    everything = np.array([draws_everything(n, seed) for seed in range(12)])
    assert everything.any()
    population = nnlib.train_many(
        [1, 1], X[:n], Y[:n], n=12, bootstrap=True, epochs=2, optimizer=optimizer
    )
    assert np.isnan(population.validation_cost).tolist() == everything.tolist()
    assert np.isfinite(population.cost).all()
    assert not everything[population.order[: (~everything).sum()]].any()
    row = population.by_choice()[0]
    assert row["mean"] == pytest.approx(population.validation_cost[~everything].mean())
    assert row["lowest"] == np.nanmin(population.validation_cost)
    assert row["members"] == 12
    assert repr(population)


def test_nothing_held_out_at_all():
    population = nnlib.train_many([1, 1], X[:1], Y[:1], n=2, bootstrap=True, epochs=1)
    assert np.isnan(population.validation_cost).all()
    assert population.order.tolist() == [0, 1]
    assert np.isnan(population.by_choice()[0]["mean"])
    assert repr(population)


def test_a_fold_of_weight_0_has_no_score():
    weights, folds = np.where(np.arange(12) < 4, 0.0, 1.0), np.arange(12) // 4
    grid = {"learning_rate": [1e-6, 1.0]}
    population = nnlib.train_many(
        [1, 1], X, Y, n=1, grid=grid, folds=folds, sample_weight=weights, epochs=50
    )
    assert np.isnan(population.validation_cost).tolist() == [True, False, False] * 2
    means = [np.nanmean(population.validation_cost[first : first + 3]) for first in (0, 3)]
    best = int(np.argmin(means))
    assert population.choice[population.order[0]] == best
    assert not np.isnan(population.validation_cost[population.order[0]])
    assert population.by_choice()[0]["mean"] == pytest.approx(means[best])


@pytest.mark.cpu("halving")
def test_halving_goes_on_where_a_fold_has_no_score():
    weights, folds = np.where(np.arange(12) < 4, 0.0, 1.0), np.arange(12) // 4
    grid = {"learning_rate": [1e-6, 1.0]}
    population = nnlib.train_many(
        [1, 1], X, Y, n=1, grid=grid, folds=folds, sample_weight=weights, epochs=40, halving=2
    )
    score = [np.nanmean(population.validation_cost[first : first + 3]) for first in (0, 3)]
    best = int(np.argmin(score))
    assert population.epochs.reshape(2, 3)[best].tolist() == [40] * 3
    assert population.ended[3 * (1 - best)] == "halving"


def test_nothing_to_train_with_is_refused_by_name():
    weights = np.where(np.arange(12) < 4, 1.0, 0.0)
    with pytest.raises(ValueError, match="fold 0 leaves nothing to train with"):
        nnlib.train_many([1, 1], X, Y, n=1, folds=np.arange(12) // 4, sample_weight=weights)
    weights = np.where(np.arange(12) < 1, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"bootstrap with seed \d+ drew only examples of sample_"):
        nnlib.train_many([1, 1], X, Y, n=12, bootstrap=True, sample_weight=weights)


@pytest.mark.cpu("halving")
def test_halving_leaves_behind_who_diverged_after_a_good_start():
    """Examples on which the second member is perfect after its first epoch, before it diverges."""
    X, y, rates = [0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [1e-3, 50.0]
    lucky = nnlib.Network([1, 1], "identity", seed=0)
    lucky.descent(X, y, epochs=1, learning_rate=rates[1])
    population = nnlib.train_many(
        [1, 1], X, y, activation="identity", seeds=[0], grid={"learning_rate": rates},
        validation=(X, lucky.F(X)), epochs=400, halving=2,
    )  # fmt: skip
    assert population.validation_cost[1] < population.validation_cost[0]
    assert population.ended == ["epochs", "diverged"]
    assert population.epochs[0] == 400
