"""The buffer of shuffled rows: every row once, the same for all windows, and sorted data mixed."""

import numpy as np
import pytest

import nnlib
from nnlib.checks.examples import Examples
from nnlib.training import windows
from nnlib.training.shuffle_buffer import ShuffleBuffer

pytestmark = pytest.mark.cpu("data")

STATE = np.random.SeedSequence(3).generate_state(4, np.uint64)
N = 2000
KEY = np.arange(N) / N


def parts(rows, weighted=False):
    """Sorted rows, cut in parts of so many; their number is in X, y and the weights."""
    numbers = np.arange(float(N))[:, np.newaxis]
    whole = Examples(numbers, -numbers, numbers[:, 0] + 1 if weighted else np.empty(0))
    return [whole.part(slice(k, k + rows)) for k in range(0, N, rows)]


def mixed(buffer, given):
    """What leaves a buffer, one after the other."""
    return [left for part in given for left in buffer.exchanged(part)] + list(buffer.rest(70))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("part_rows", [1, 130, 5000])
@pytest.mark.parametrize("size", [1, 100, 700, N])
def test_every_row_leaves_once_as_a_whole(size, part_rows, weighted):
    buffer = ShuffleBuffer(size, STATE.copy())
    for _ in range(2):  # an epoch, and another one
        left = mixed(buffer, parts(part_rows, weighted))
        X, y = (np.concatenate([getattr(own, name) for own in left]) for name in ("X", "y"))
        assert sorted(X[:, 0]) == list(range(N))
        np.testing.assert_array_equal(y, -X)
        if weighted:
            weights = np.concatenate([own.weights for own in left])
            np.testing.assert_array_equal(weights, X[:, 0] + 1)
        buffer.begin(STATE.copy())


def excess(size, part_rows):
    """The variance of the means of batches of 20, as a multiple of what independent draws have."""
    order = np.random.default_rng(0).permutation(-(-N // part_rows))
    own = parts(part_rows)
    left = mixed(ShuffleBuffer(size, STATE.copy()), [own[number] for number in order])
    places = np.concatenate([one.X[:, 0] for one in left]).astype(int)
    return float(KEY[places].reshape(-1, 20).mean(1).var() / (KEY.var() / 20))


def test_more_rows_mix_better():
    assert excess(N, 100) == pytest.approx(1, abs=0.3)  # of 100 batches: three deviations, 0.42
    assert excess(1, 100) > 12
    assert excess(500, 100) < 4
    assert excess(500, 20) < 2


X = np.random.default_rng(1).normal(size=(N, 3))
SORTED = X[np.argsort(X.sum(1))]
Y = np.sin(SORTED.sum(1))


def trained(window_bytes=10_000, threads=1, **options):
    windows.WINDOW_BYTES, before = window_bytes, windows.WINDOW_BYTES
    nnlib.set_threads(threads)
    try:
        net = nnlib.Network([3, 8, 1], ["tanh", "identity"], seed=1)
        options = {"batch_size": 16, "epochs": 3, "learning_rate": 0.05, **options}
        net.descent(nnlib.data.arrays(SORTED, Y, part_rows=100), **options)
        return net
    finally:
        windows.WINDOW_BYTES = before
        nnlib.set_threads(None)


@pytest.mark.parametrize("size", [None, 300])
def test_windows_and_threads_change_no_bit(size):
    first = trained(shuffle_buffer=size).parameters
    assert np.array_equal(trained(shuffle_buffer=size, window_bytes=100_000).parameters, first)
    assert np.array_equal(trained(shuffle_buffer=size, threads=2).parameters, first)


def test_sizes_of_buffers_give_other_orders():
    found = {trained(shuffle_buffer=size).parameters.tobytes() for size in (1, 300, N)}
    assert len(found) == 3
    everything = trained(shuffle_buffer=5 * N).parameters
    assert np.array_equal(everything, trained().parameters)  # all rows fit into 128 MiB


def test_sorted_rows_train_as_in_memory():
    options = {"batch_size": 16, "epochs": 3, "learning_rate": 0.05}
    wanted = nnlib.Network([3, 8, 1], ["tanh", "identity"], seed=1)
    wanted.descent(SORTED, Y, **options)
    J = wanted.J(SORTED, Y)
    assert trained(shuffle_buffer=500).J(SORTED, Y) < 1.5 * J
    assert trained(shuffle=False).J(SORTED, Y) > 3 * J


def test_a_checkpoint_knows_the_buffer(tmp_path):
    path = tmp_path / "checkpoint"
    trained(shuffle_buffer=300, checkpoint=path)
    with pytest.raises(ValueError, match="shuffle_buffer was 300, is 400"):
        trained(shuffle_buffer=400, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shuffle_buffer": 0}, "shuffle_buffer is 0"),
        ({"shuffle_buffer": 10, "shuffle": False}, "shuffle_buffer is 10 but shuffle is False"),
    ],
)
def test_refused(options, said):
    with pytest.raises(ValueError, match=said):
        trained(**options)
    with pytest.raises(ValueError, match="shuffle_buffer is 10 and X is no source"):
        nnlib.Network([3, 1]).descent(X, Y, batch_size=10, shuffle_buffer=10)
    with pytest.raises(TypeError, match="did you mean 'shuffle_buffer'"):
        nnlib.Network([3, 1]).descent(X, Y, batch_size=10, buffer_size=10)
