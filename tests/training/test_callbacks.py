"""What a callback sees, the epoch that its report names, and what it may not do."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.kernels.network import problem
from nnlib.machine import threads
from nnlib.training import descent
from tests.devices import amount
from tests.second_order.full_batches import METHODS
from tests.training.checkpointed import ITERATIONS, SIZES, X, Y, network

# The last batch of an epoch has fewer blocks than the others, or its chunks have.
N, BATCH, EPOCHS = amount((2500, 2000, 60), (17, 8, 3))


@pytest.fixture
def short_slices(monkeypatch):
    """Slices of a round: a block of each chunk on the CPU, a batch on a GPU."""
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)


def examples(sizes, n=N):
    generator = np.random.default_rng(3)
    return generator.normal(size=(n, sizes[0])), generator.normal(size=(n, sizes[-1]))


def make(sizes):
    return nnlib.Network(sizes, "tanh", seed=2)


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.cpu("threads"))])
def count(request):
    """Threads."""
    threads.set_threads(request.param)
    yield request.param
    threads.set_threads(None)


@pytest.mark.parametrize("sizes", [[2, 3, 1], *amount([[20, 40, 2]], [])], ids=str)
@pytest.mark.parametrize("every", [1, 2, None])
@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("short", [False, True])
def test_it_sees_the_epoch_that_the_report_names(sizes, every, validated, short, count, request):
    """The parameters after each epoch, as descents of one epoch each leave them."""
    if short:
        request.getfixturevalue("short_slices")
    x, y = examples(sizes)
    options = {"batch_size": BATCH, "learning_rate": 0.5}
    if validated:
        options["validation"] = examples(sizes, n=amount(700, 5))
    net, twin, seen, after = make(sizes), make(sizes), {}, []

    def callback(report):
        seen[report.epoch] = net.parameters.copy()

    net.descent(x, y, epochs=EPOCHS, callback=callback, callback_epochs=every, **options)
    for _ in range(EPOCHS):
        twin.descent(x, y, epochs=1, **options)
        after.append(twin.parameters.copy())
    if every:
        assert list(seen) == [*range(every, EPOCHS, every), EPOCHS]
    assert EPOCHS in seen
    for epoch, parameters in seen.items():
        np.testing.assert_array_equal(parameters, after[epoch - 1], f"epoch {epoch}")


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("sizes", [[2, 3, 1], *amount([[20, 40, 2], [60, 350, 5]], [])], ids=str)
@pytest.mark.parametrize("n", amount([2500, 2600, 4100, 4000], [17]))
def test_the_rounds_of_an_epoch_are_known(sizes, n, validated, monkeypatch):
    """One round after the other, and how many are left after each."""

    def one_by_one(slices, run, budget):
        position, left = slices.state.position, []
        while position[problem.EPOCH] == 0:
            left.append(slices.rounds.left(position))
            run(1)
        assert left == list(range(slices.rounds.of_epoch, 0, -1))
        assert slices.rounds.left(position) == slices.rounds.of_epoch

    monkeypatch.setattr(descent, "run_slices", one_by_one)
    validation = examples(sizes, n=amount(700, 5)) if validated else None
    make(sizes).descent(*examples(sizes, n), epochs=2, batch_size=BATCH, validation=validation)


def test_what_it_saves_is_the_epoch_that_the_report_names(tmp_path, short_slices):
    net, path, sizes = make([2, 3, 1]), tmp_path / "network", [2, 3, 1]
    x, y = examples(sizes)
    settings = {"batch_size": BATCH, "learning_rate": 0.5}

    def callback(report):
        net.save(path)
        return True

    history = net.descent(x, y, epochs=9, callback=callback, callback_epochs=2, **settings)
    assert history.epochs == 2
    saved, twin = nnlib.load(path).to(net.device), make(sizes)
    twin.descent(x, y, epochs=2, **settings)
    # Random numbers too: both go on alike.
    for one in (saved, twin):
        one.descent(x, y, epochs=1, **settings)
    np.testing.assert_array_equal(saved.parameters, twin.parameters)


@pytest.mark.parametrize("optimizer", METHODS)
def test_full_batches_show_iterations_and_no_trials(optimizer, short_slices):
    net, quiet, seen = network(), network(), {}

    def callback(report):
        assert report.epoch not in seen
        seen[report.epoch] = net.J(X, Y), report.J

    options = {"optimizer": optimizer, "epochs": ITERATIONS}
    history = net.descent(X, Y, callback=callback, **options)
    assert list(seen) == list(range(1, history.epochs + 1))
    costs = [*history.J, history.cost]
    for epoch, (found, reported) in seen.items():
        assert reported == costs[epoch]
        np.testing.assert_allclose(found, reported, rtol=1e-12)
    quiet.descent(X, Y, **options)
    np.testing.assert_array_equal(net.parameters, quiet.parameters)


def write_parameters(net):
    net.parameters[0] = 1


def write_a_weight(net):
    net.weights[0][0] = 1


def write_a_bias(net):
    net.biases[-1] += 1


def set_parameters(net):
    net.parameters = np.zeros(net.parameters.size)


def train_again(net):
    net.descent(X, Y, epochs=1)


def change_the_device(net):
    net.to("cpu")


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (write_parameters, ValueError, "read-only"),
        (write_a_weight, ValueError, "read-only"),
        (write_a_bias, ValueError, "read-only"),
        (set_parameters, RuntimeError, "trains this network .* its parameters cannot be set"),
        (train_again, RuntimeError, "trains this network .* cannot be trained by a second one"),
        (change_the_device, RuntimeError, "trains this network .* cannot change its device"),
    ],
)
def test_it_changes_nothing(change, error, message, optimizer):
    net, twin, seen = network(), network(), []
    options = {"optimizer": optimizer, "epochs": amount(5, 2)}

    def callback(report):
        seen.append(report)
        with pytest.raises(error, match=message):
            change(net)

    net.descent(X, Y, callback=callback, **options)
    assert seen
    twin.descent(X, Y, **options)
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    net.parameters[0] = net.weights[0][0, 0] = 2  # may be written again
    assert net.parameters[0] == 2


def test_a_copy_may_be_trained():
    import copy

    net = network(SIZES)

    def callback(report):
        twin = copy.deepcopy(net)
        before = net.parameters.copy()
        twin.descent(X, Y, epochs=1)
        twin.parameters[0] = 1
        np.testing.assert_array_equal(net.parameters, before)

    net.descent(X, Y, epochs=2, callback=callback)
