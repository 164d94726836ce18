"""Descents whose batches are summed up by workers: bits, shares, options, and workers that die."""

import copy
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.cluster.here import Here
from nnlib.cluster.packing import pack
from tests.cluster.losing import Losing, every

pytestmark = pytest.mark.cpu("data")

N = 2000
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.sin(X.sum(1))
HELD_OUT = X[:100] + 0.1, Y[:100]
OPTIONS = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 600, "epochs": 4}
# Every kind of option that acts on gradient, weights, rates and the end.
CHOICES = [
    {},
    {"batch_size": None},
    {"shuffle": False},
    {"optimizer": "sgd", "weight_decay": 1e-3, "reduction": "sum", "learning_rate": 1e-4},
    {"optimizer": "momentum", "clip_norm": 0.1, "l1": 1e-4, "max_norm": 0.5},
    {"optimizer": "adamw", "learning_rate": nnlib.schedules.Cosine(0.01, 10)},
    {"optimizer": "rprop", "batch_size": None},
    {"validation": HELD_OUT, "patience": 1, "epochs": 10, "learning_rate": 0.3},
    {"learning_rate": nnlib.schedules.ReduceOnPlateau(0.1), "target_cost": 0.1, "epochs": 20},
    {"dropout": 0.2},
]


def network(dtype="float64"):
    return nnlib.Network([3, 8, 1], ["tanh", "identity"], dtype=dtype, seed=2)


def source(part_rows=130, **more):
    return nnlib.data.arrays(X, Y, part_rows=part_rows, **more)


def trained(cluster, dtype="float64", data=None, **options):
    """Parameters and history of a descent on a cluster."""
    net = network(dtype)
    history = net.descent(data or source(), cluster=cluster, **{**OPTIONS, **options})
    return net.parameters, history


def same(one, other):
    """Whether two descents have the same bits."""
    return np.array_equal(one[0], other[0]) and np.array_equal(one[1].J, other[1].J)


def ids(options):
    return "-".join(options) or "none"


@pytest.mark.parametrize("options", CHOICES, ids=ids)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_the_workers(dtype, options):
    alone = trained(Here(), dtype, **options)
    for workers in (2, 3):
        with ThreadPoolExecutor(workers) as executor:
            assert same(trained(executor, dtype, **options), alone)


@pytest.mark.parametrize("options", CHOICES[:-1], ids=ids)  # masks of dropout are others
def test_every_option_is_that_of_a_descent_in_memory(options):
    # In full batches nothing but the order of sums differs.
    own = {**OPTIONS, **options, "batch_size": None}
    net = network()
    wanted = net.descent(X, Y, **own)
    parameters, history = trained(Here(), **own)
    np.testing.assert_allclose(history.J, wanted.J, rtol=1e-9)
    np.testing.assert_allclose(history.learning_rate, wanted.learning_rate)
    np.testing.assert_allclose(parameters, net.parameters, rtol=1e-6, atol=1e-9)
    assert history.stopped == wanted.stopped


def test_batches_have_a_share_of_every_shard():
    """Unshuffled, a step is that of the same rows in memory, where they are put in that order."""
    data = nnlib.data.arrays(X[:390], Y[:390], part_rows=130)
    _, history = trained(Here(), data=data, batch_size=260, shuffle=False, epochs=1)
    # Two shards, of 130 and of 260 rows: floor(130 / 390 of 260) of a batch are of the first.
    order = np.r_[0:86, 130:304, 86:130, 304:390]
    wanted = network().descent(X[order], Y[order], **{**OPTIONS, "batch_size": 260,
                               "shuffle": False, "epochs": 1})  # fmt: skip
    assert history.J[0] == pytest.approx(wanted.J[0], rel=1e-12)


def test_every_row_is_seen_once_an_epoch():
    # A single weight that adds up: the sum of all gradients does not depend on the order.
    net = nnlib.Network([1, 1], "identity", initializer="zeros", seed=0)
    values = np.arange(1.0, N + 1)
    data = nnlib.data.arrays(np.ones(N), values, part_rows=170)
    history = net.descent(data, batch_size=300, epochs=1, learning_rate=1e-300, cluster=Here())
    assert history.J[0] == pytest.approx(0.5 * (values**2).mean(), rel=1e-12)


def test_epochs_and_descents_have_orders_of_their_own():
    net = network()
    options = {**OPTIONS, "cluster": Here()}
    first = [net.descent(source(), **{**options, "epochs": 1}).J[0] for _ in range(2)]
    whole = network().descent(source(), **{**options, "epochs": 2}).J
    assert whole[0] == first[0]
    assert whole[1] != first[1]
    assert not np.array_equal(trained(Here())[0], trained(Here(), shuffle=False)[0])


def test_a_seed_decides_order_and_masks():
    one, again = (trained(Here(), dropout=0.5, seed=1) for _ in range(2))
    other = trained(Here(), dropout=0.5, seed=2)
    assert same(one, again)
    assert not np.array_equal(one[0], other[0])


def test_weights_count():
    weights = np.random.default_rng(1).uniform(0, 2, N)
    weights[::7] = 0
    net = network()
    options = {**OPTIONS, "batch_size": None}
    wanted = net.descent(X, Y, sample_weight=weights, **options)
    _, history = trained(Here(), data=source(sample_weight=weights), batch_size=None)
    np.testing.assert_allclose(history.J, wanted.J, rtol=1e-9)


def test_processes_read_their_own_files(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    data = nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "y.npy", part_rows=130)
    with ProcessPoolExecutor(2) as executor:
        assert same(trained(executor, data=data), trained(Here(), data=data))


def test_what_is_sent_has_no_rows(tmp_path):
    """The files' names go to the workers, and no placeholders of X and y."""
    np.save(tmp_path / "X.npy", np.zeros((100_000, 3)))
    np.save(tmp_path / "y.npy", np.zeros(100_000))
    sent = []

    class Sending(Here):
        def share(self, value):
            sent.append(pack(value).size)
            return super().share(value)

    data = nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "y.npy")
    network().descent(data, cluster=Sending(), **{**OPTIONS, "epochs": 1})
    assert sent[0] < 100_000


def test_sums_that_are_lost_are_made_again():
    assert same(trained(Losing(every(3), 3)), trained(Here()))
    net = network()
    before = net.parameters.copy()
    with pytest.raises(RuntimeError, match=r"20 sums in a row were lost .*killed.*memory"):
        net.descent(source(), cluster=Losing(every(1), 3), **OPTIONS)
    assert np.array_equal(net.parameters, before)


class Counted(nnlib.data.Source):
    """Seven parts; notes which are read, and fails where it is told."""

    name, parts = "counted", (260,) * 7

    def __init__(self):
        self.reads, self.fails = [], False

    def read(self, part):
        self.reads.append(part)
        if self.fails and part == 3:
            raise OSError("the disk is gone")
        rows = slice(260 * part, 260 * part + 260)
        return nnlib.data.Rows(X[rows], Y[rows])

    def identity(self):
        return "counted"


def test_a_worker_reads_each_part_once():
    data = Counted()
    with ThreadPoolExecutor(1) as executor:
        trained(executor, data=data)
    assert sorted(data.reads) == [0, 0, 1, 2, 3, 4, 5, 6]  # the first part is looked at before


def test_the_error_of_a_part_names_it():
    data = Counted()
    data.fails = True
    with ThreadPoolExecutor(2) as executor, pytest.raises(OSError, match="disk") as caught:
        trained(executor, data=data)
    assert "In part 3 of counted." in caught.value.__notes__


def test_an_interrupt_leaves_the_last_epoch(monkeypatch):
    class Pressed(Here):
        steps = 0

        def completed(self, tickets, seconds):
            self.steps += 1
            if self.steps == 10:  # the second step of the third epoch
                raise KeyboardInterrupt
            return super().completed(tickets, seconds)

    net = network()
    with pytest.raises(KeyboardInterrupt):
        net.descent(source(), cluster=Pressed(), **OPTIONS)
    assert np.array_equal(net.parameters, trained(Here(), epochs=2)[0])


def test_a_cost_that_overflows_leaves_the_last_good_epoch():
    net = network()
    with pytest.raises(nnlib.DivergenceError) as caught:
        net.descent(source(), cluster=Here(), **{**OPTIONS, "optimizer": "sgd",
                                                 "learning_rate": 1e160})  # fmt: skip
    assert caught.value.epoch == 0
    assert np.array_equal(net.parameters, network().parameters)


def test_a_checkpoint_goes_on_and_knows_how_sums_are_made(tmp_path):
    whole = trained(Here(), epochs=6, validation=HELD_OUT)
    options = {**OPTIONS, "checkpoint": tmp_path / "checkpoint", "epochs": 6,
               "validation": HELD_OUT}  # fmt: skip
    network().descent(
        source(), cluster=Here(), callback=lambda report: report.epoch >= 3, callback_epochs=1,
        **options,
    )  # fmt: skip
    # Another network: the orders are those of the generator in the file.
    resumed = nnlib.Network([3, 8, 1], ["tanh", "identity"], seed=9)
    history = resumed.descent(source(), cluster=Here(), resume=True, **options)
    assert same((resumed.parameters, history), whole)
    with pytest.raises(ValueError, match="device was cpu, in shards, added in pairs, is cpu"):
        network().descent(source(), resume=True, **options)


def test_momentum_goes_on():
    net = network()
    options = {**OPTIONS, "shuffle": False, "cluster": Here(), "epochs": 2}
    parts = [net.descent(source(), partial=partial, **options).J for partial in (False, True)]
    assert np.array_equal(np.concatenate(parts), trained(Here(), shuffle=False)[1].J)


def test_the_time_is_limited():
    _, history = trained(Here(), max_seconds=1e-9, epochs=1000)
    assert history.stopped == "max_seconds"


def test_layers_of_all_kinds_train():
    """Images, masks, and normalisation of single examples; frozen weights keep still."""
    net = nnlib.Network(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu", trainable=False),
            layers.Flatten(),
            layers.LayerNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ],
        seed=0,
    )
    images = np.random.default_rng(3).normal(size=(700, 6, 6, 1))
    data = nnlib.data.arrays(images, images.sum((1, 2, 3)), part_rows=100)
    found, before = [], net.parameters.copy()
    for workers in (1, 3):
        own = copy.deepcopy(net)
        with ThreadPoolExecutor(workers) as executor:
            own.descent(data, cluster=executor, **{**OPTIONS, "batch_size": 300})
        found.append(own.parameters)
    assert np.array_equal(*found)
    changed = found[0] != before
    assert not changed[: 3 * 10].any()
    assert changed[-1]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"X": X, "y": Y}, TypeError, r"wanted a source of nnlib.data.*nnlib\.data\.arrays"),
        ({"batch_size": 100}, ValueError, r"batch_size is 100, wanted None or at least 256"),
        ({"batch_size": N + 1}, ValueError, "batch_size"),
        ({"metrics": ["r2"]}, ValueError, r"metrics is .*score\(data\)"),
        (
            {"shuffle_buffer": 100, "shuffle": True},
            ValueError,
            "shuffle_buffer is 100, wanted None",
        ),
        ({"validation": 0.2}, ValueError, "validation is 0.2"),
        ({"compile": True, "optimizer": "sgd"}, ValueError, "compile"),
        ({"cluster": 3}, TypeError, "cluster must be"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, said):
    given = {"X": source(), "cluster": Here(), **OPTIONS, **arguments}
    net = network()
    before = net.parameters.copy()
    with pytest.raises(error, match=said):
        net.descent(**given)
    assert np.array_equal(net.parameters, before)


def test_normalised_batches_are_refused():
    net = nnlib.Network([layers.Input(3), layers.BatchNormalization(), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"normalises batches.*LayerNormalization"):
        net.descent(source(), cluster=Here(), **OPTIONS)


def test_weights_of_classes_and_the_last_rows_to_validate_with():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(900, 3))
    data = nnlib.data.arrays(X, X[:, 0] + rng.normal(size=900) > 0.5, part_rows=100)
    options = {**OPTIONS, "class_weight": "balanced", "validation": "last 20%"}

    def train(cluster):
        net = nnlib.Network([3, 4, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=0)
        history = net.descent(data, cluster=cluster, **options)
        return net.parameters, history

    expected, history = train(Here())
    assert len(history.validation_J) == len(history.J)
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as executor:
            found, _ = train(executor)
        np.testing.assert_array_equal(found, expected)
    unweighted = nnlib.Network([3, 4, 1], ["tanh", "sigmoid"], "binary_cross_entropy", seed=0)
    unweighted.descent(data, cluster=Here(), **{**options, "class_weight": None})
    assert not np.array_equal(unweighted.parameters, expected)
