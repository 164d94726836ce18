"""Descents that read their data: the bits of data in memory, and what may happen on the way."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.training import windows

pytestmark = pytest.mark.cpu("data")

N = 1009
X = np.random.default_rng(0).normal(size=(N, 5))
y = np.sin(X.sum(1))


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Windows of some hundred rows, so that an epoch has several."""
    monkeypatch.setattr(windows, "WINDOW_BYTES", 5000)
    yield
    nnlib.set_threads(None)


def network(dtype="float64"):
    return nnlib.Network([5, 24, 1], ["tanh", "identity"], dtype=dtype, seed=1)


def source(part_rows=130, **more):
    return nnlib.data.arrays(X, y, part_rows=part_rows, **more)


class Watched(nnlib.data.Source):
    """The rows in parts of 101; calls a function before each is read."""

    name, parts = "watched", (101,) * 9 + (100,)

    def __init__(self, before):
        self._before = before

    def read(self, part):
        self._before(part)
        rows = slice(101 * part, 101 * part + self.parts[part])
        return nnlib.data.Rows(X[rows], y[rows])

    def identity(self):
        return "watched"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 400, N])
@pytest.mark.parametrize("part_rows", [50, 5000])
def test_unshuffled_has_the_bits_of_memory(dtype, batch_size, part_rows):
    options = {"batch_size": batch_size, "shuffle": False, "epochs": 2}
    here, there = network(dtype), network(dtype)
    wanted = here.descent(X, y, **options)
    found = there.descent(source(part_rows), **options)
    assert np.array_equal(there.parameters, here.parameters)
    assert np.array_equal(found.J, wanted.J)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "weight_decay": 1e-3},
        {"optimizer": "momentum", "clip_norm": 0.1, "l1": 1e-4},
        {"dropout": 0.2, "reduction": "sum", "learning_rate": 1e-3},
        {"validation": (X[:100], y[:100]), "patience": 1},
        {"learning_rate": nnlib.schedules.ReduceOnPlateau(0.1), "target_cost": 0.3},
    ],
    ids=lambda options: "-".join(options),
)
def test_options_have_the_bits_of_memory(options):
    own = {"batch_size": 40, "shuffle": False, "epochs": 5, **options}
    here, there = network(), network()
    wanted, found = here.descent(X, y, **own), there.descent(source(), **own)
    assert np.array_equal(there.parameters, here.parameters)
    assert np.array_equal(found.J, wanted.J)


def test_shuffled_is_the_same_for_every_source_and_number_of_threads():
    found = []
    chunks = [(X[k : k + 130], y[k : k + 130]) for k in range(0, N, 130)]
    for threads in (1, 2):
        nnlib.set_threads(threads)
        net = network()
        net.descent(source(), batch_size=300, epochs=3)
        found.append(net.parameters)
    assert np.array_equal(*found)
    unshuffled = network()
    unshuffled.descent(source(), batch_size=300, epochs=3, shuffle=False)
    assert not np.array_equal(found[0], unshuffled.parameters)
    net = network()  # the chunks keep their order, the rows in them do not
    net.descent(nnlib.data.chunks(chunks), batch_size=300, epochs=3)
    assert not np.array_equal(net.parameters, unshuffled.parameters)


def test_every_row_is_seen_once_an_epoch():
    # A single weight that adds up: the sum of all gradients does not depend on the order.
    net = nnlib.Network([1, 1], "identity", initializer="zeros", seed=0)
    values = np.arange(1.0, N + 1)
    data = nnlib.data.arrays(np.ones(N), values, part_rows=100)
    history = net.descent(data, batch_size=10, epochs=1, learning_rate=1e-300)
    assert history.J[0] == pytest.approx(0.5 * (values**2).mean(), rel=1e-12)


def test_epochs_and_descents_have_orders_of_their_own():
    net = network()
    first = [net.descent(source(), batch_size=100, epochs=1).J[0] for _ in range(2)]
    again = network()
    assert again.descent(source(), batch_size=100, epochs=1).J[0] == first[0]
    whole = network().descent(source(), batch_size=100, epochs=2).J
    assert whole[0] == first[0]
    assert whole[1] != first[1]


@pytest.mark.parametrize("memory", [1, 10])
def test_lbfgs_has_the_bits_of_memory(memory):
    optimizer = nnlib.optimizers.LBFGS(memory=memory)
    here, there = network(), network()
    wanted = here.descent(X, y, optimizer=optimizer, epochs=12)
    found = there.descent(source(), optimizer=optimizer, epochs=12)
    assert np.array_equal(there.parameters, here.parameters)
    assert np.array_equal(found.J, wanted.J)
    assert found.evaluations == wanted.evaluations


def test_images_and_whole_batches_are_read_too():
    rows = np.random.default_rng(1).normal(size=(90, 6, 6, 1))
    labels = np.arange(90) % 3
    nets = []
    for data in ((rows, labels), (nnlib.data.arrays(rows, labels, part_rows=20),)):
        net = nnlib.Network(
            [
                layers.Input((6, 6, 1)),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(),
                layers.Flatten(),
                layers.Dense(3, "softmax"),
            ],
            loss="softmax_cross_entropy",
            seed=0,
        )
        net.descent(*data, batch_size=16, epochs=2, shuffle=False)
        nets.append(net.parameters)
    assert np.array_equal(*nets)


def test_weights_have_a_mean_of_one():
    v = np.random.default_rng(2).integers(0, 4, N).astype(float)
    here, there = network(), network()
    options = {"batch_size": 50, "epochs": 3, "shuffle": False}
    here.descent(X, y, sample_weight=v, **options)
    there.descent(source(sample_weight=v), **options)
    np.testing.assert_allclose(there.parameters, here.parameters, rtol=1e-12)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_checkpoint_goes_on_in_the_midst(tmp_path, shuffle):
    class GoneError(Exception):
        """The program's end."""

    reads = []

    def fail_at(count):
        def before(part):
            reads.append(part)
            if len(reads) == count:
                raise GoneError

        return before

    options = {"batch_size": 30, "epochs": 5, "shuffle": shuffle}
    whole = network()
    wanted = whole.descent(Watched(lambda part: None), **options)
    options["checkpoint"] = tmp_path / "checkpoint"
    net = network()
    with pytest.raises(GoneError):
        net.descent(Watched(fail_at(35)), **options)
    # Of another seed: the orders are those of the generator in the file.
    resumed = nnlib.Network([5, 24, 1], ["tanh", "identity"], seed=9)
    found = resumed.descent(Watched(lambda part: None), **options, resume=True)
    assert np.array_equal(resumed.parameters, whole.parameters)
    assert np.array_equal(found.J, wanted.J)
    with pytest.raises(ValueError, match="the checkpoint of another descent: data was watched"):
        network().descent(source(), **options, resume=True)


def test_an_error_of_reading_leaves_the_last_epoch():
    def before(part):
        before.reads += 1
        if before.reads == 28:
            raise OSError("the disk is gone")

    before.reads = 0
    net, threads = network(), threading.active_count()
    with pytest.raises(OSError, match="the disk is gone") as caught:
        net.descent(Watched(before), batch_size=30, epochs=5, shuffle=False)
    assert "of watched." in caught.value.__notes__[0]
    assert threading.active_count() == threads
    ends = []
    for epochs in range(4):
        other = network()
        other.descent(Watched(lambda part: None), batch_size=30, epochs=epochs, shuffle=False)
        ends.append(np.array_equal(other.parameters, net.parameters))
    assert sum(ends[1:]) == 1


def test_ctrl_c_leaves_the_last_epoch():
    net, threads = network(), threading.active_count()
    slow = Watched(lambda part: time.sleep(0.02))
    begun = threading.Event()

    def press():
        begun.wait()
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=press)
    watcher.start()
    begun.set()
    with pytest.raises(KeyboardInterrupt):
        net.descent(slow, batch_size=30, epochs=10_000, shuffle=False)
    watcher.join()
    assert threading.active_count() == threads
    epoch = np.isfinite(net.parameters).all()
    assert epoch


def test_bad_rows_name_their_part():
    bad = X.copy()
    bad[700, 2] = np.nan
    net = network()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="X holds nan") as caught:
        net.descent(nnlib.data.arrays(bad, y, part_rows=100), batch_size=N, epochs=1)
    assert caught.value.__notes__ == ["In part 7 of arrays."]
    assert np.array_equal(net.parameters, before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "batch_size is None, wanted a number of examples that fit"),
        ({"batch_size": 10, "class_weight": "balanced"}, "class_weight is 'balanced', wanted None"),
        ({"batch_size": 10, "validation": 0.2}, "validation is 0.2, wanted 'last 20%'"),
        ({"batch_size": 10, "validation": "last 0.01%"}, "leaves at least one of 1009 examples"),
        ({"batch_size": 10, "y": y}, "y is given as well"),
        ({"batch_size": 10, "sample_weight": y}, "sample_weight is given as well"),
        ({"batch_size": 10, "compile": True, "shuffle": False}, "compile is True, wanted False"),
        ({"batch_size": 5000}, "batch_size is 5000"),
        ({"optimizer": "levenberg_marquardt"}, "wanted 'lbfgs'"),
        ({"optimizer": "rprop"}, "batch_size is None"),
    ],
)
def test_what_needs_all_examples_is_refused(options, said):
    net = network()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=said):
        net.descent(source(), **options)
    assert np.array_equal(net.parameters, before)


def test_sequences_of_any_length_are_refused():
    net = nnlib.Network([layers.Input((None, 2)), layers.GRU(3), layers.Dense(1)], seed=0)
    steps = nnlib.data.arrays(np.zeros((9, 7, 2)), np.zeros(9))
    with pytest.raises(ValueError, match="takes sequences of any length, wanted one of a fixed"):
        net.descent(steps, batch_size=3)
    words = [layers.Input(5), layers.Embedding(4, 2, mask_zero=True), layers.GRU(3)]
    net = nnlib.Network([*words, layers.Dense(1)], seed=0)
    rows = np.arange(45).reshape(9, 5) % 4
    there = nnlib.Network([*words, layers.Dense(1)], seed=0)
    for own, data in ((net, (rows, np.ones(9))), (there, (nnlib.data.arrays(rows, np.ones(9)),))):
        own.descent(*data, batch_size=3, epochs=2, shuffle=False)
    assert np.array_equal(net.parameters, there.parameters)


def test_a_source_that_gives_something_else_is_told():
    class Wrong(Watched):
        def read(self, part):
            return tuple(super().read(part))

    with pytest.raises(TypeError, match=r"read gave a tuple, wanted nnlib\.data\.Rows"):
        network().descent(Wrong(lambda part: None), batch_size=3)


def test_a_source_of_other_columns_is_refused():
    with pytest.raises(ValueError, match=r"X has shape \(1009, 4\), wanted \(n, 5\)"):
        network().descent(nnlib.data.arrays(X[:, :4], y), batch_size=10)
