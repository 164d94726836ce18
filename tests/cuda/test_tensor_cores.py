"""Descents by products on tensor cores, and what stands in for the instructions that round."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from tests.tolerances import ROUNDED, rounded, tolerance

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)
if missing_for_cuda() is None:
    from nnlib.cuda import launch
    from nnlib.kernels.cuda.wide import products
    from tests.cuda.schedule import every_order

simulated = pytest.mark.skipif(
    not numba.config.ENABLE_CUDASIM, reason="needs NUMBA_ENABLE_CUDASIM=1"
)
PRECISIONS = tuple(ROUNDED)


@simulated
class TestRounding:
    """What stands in for the instructions that round."""

    values = np.array([1, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-11, 0])
    values = np.concatenate([values, np.random.default_rng(0).normal(size=200) * 1e3])

    def test_to_tf32(self):
        from nnlib.kernels.cuda.compile.emulation import round_tf32

        found = np.array([round_tf32(x) for x in self.values.astype(np.float32)]).view(np.float32)
        np.testing.assert_array_equal(found, rounded(self.values.astype(np.float32), "tf32"))

    def test_to_bf16(self):
        from nnlib.kernels.cuda.compile.emulation import pair_bf16

        values = self.values.astype(np.float32)
        words = np.array([pair_bf16(x, y) for x, y in zip(values, values[::-1], strict=True)])
        low, high = (words << 16).view(np.float32), (words & 0xFFFF0000).view(np.float32)
        np.testing.assert_array_equal(low, rounded(values, "bf16"))
        np.testing.assert_array_equal(high, rounded(values, "bf16")[::-1])

    def test_infinity_and_nan_stay(self):
        from nnlib.kernels.cuda.compile.emulation import pair_bf16, round_tf32

        largest = np.finfo(np.float32).max
        for value in (np.inf, -np.inf, np.nan, largest):
            wanted = np.inf if value == largest else value
            found = [round_tf32(value), np.uint32(int(pair_bf16(0, value)) & 0xFFFF0000)]
            for word in found:
                np.testing.assert_equal(word.view(np.float32), np.float32(wanted))


@pytest.fixture
def wide(monkeypatch):
    """Every network is cut into layers."""
    monkeypatch.setattr(launch, "MOST_WIDTH", 0)
    monkeypatch.setattr(launch, "WORK_OF_ONE_BLOCK", 0)


@pytest.fixture
def data(rng):
    """21 examples of three features and two targets."""
    return rng.normal(size=(21, 3)), rng.normal(size=(21, 2))


def network(**options):
    """A network for the GPU, the same every time."""
    return nnlib.Network([3, 6, 5, 2], "tanh", device="cuda", **{"dtype": "float32", **options})


OPTIONS = {"epochs": 2, "batch_size": 12, "seed": 4, "learning_rate": 0.1}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_descents(wide, precision, data):
    start, exact, net = (network() for _ in range(3))
    exact.descent(*data, **OPTIONS)
    history = net.descent(*data, **OPTIONS, precision=precision)
    way = np.abs(exact.parameters - start.parameters).max()
    off = np.abs(net.parameters - exact.parameters).max()
    # Four steps, whose gradients come through six products each.
    assert tolerance(np.float32, 12) * way < off < 24 * ROUNDED[precision] * way
    assert np.isfinite(history.J).all()
    again = network()
    again.descent(*data, **OPTIONS, precision=precision)
    np.testing.assert_array_equal(again.parameters, net.parameters)


def test_descents_in_every_order(wide, data, monkeypatch):
    def descend():
        net = network()
        return [net.descent(*data, **OPTIONS, dropout=0.2, precision="tf32").J, net.parameters]

    if numba.config.ENABLE_CUDASIM:
        every_order(monkeypatch, descend)
    else:
        np.testing.assert_array_equal(descend()[1], descend()[1])


def test_whole_descents_by_a_block_keep_float32(data, monkeypatch):
    monkeypatch.setattr(launch, "WORK_OF_ONE_BLOCK", 10**6)
    exact, net = network(), network()
    exact.descent(*data, **OPTIONS)
    net.descent(*data, **OPTIONS, precision="bf16")
    np.testing.assert_array_equal(net.parameters, exact.parameters)


def test_a_gpu_is_filled_with_large_blocks_if_there_are_enough(monkeypatch):
    table, buffers = network().architecture.training_table, (None, None, np.empty(0, np.float32))
    cut = launch.Cut("layers", 1, 1, 256, 9, 0, precision="tf32")
    passes = launch.Layers(cut, table, buffers, None)
    large, small = products.PRODUCTS["tf32"]
    monkeypatch.setattr(launch, "processors", lambda: 6)
    for rows, columns, splits, wanted in [(3, 2, 1, large), (1, 5, 1, small), (1, 3, 2, large)]:
        shape = rows * large.block.rows, columns * large.block.columns
        assert passes._entries(*shape, splits) is wanted
    assert small.block.rows < large.block.rows


def test_a_resumed_descent_keeps_its_precision(wide, data, tmp_path):
    saving = {**OPTIONS, "checkpoint": tmp_path / "descent", "resume": True}
    network().descent(*data, **saving, precision="tf32")
    with pytest.raises(ValueError, match="precision was tf32, is None"):
        network().descent(*data, **saving)


class TestRefused:
    """Before any work, by name."""

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"precision": "tf23"}, "precision is 'tf23', wanted one of tf32, bf16; .*'tf32'"),
            ({"precision": "tf32", "optimizer": "lbfgs"}, "'lbfgs' and precision='tf32'"),
        ],
    )
    def test_options(self, options, message, data):
        with pytest.raises(ValueError, match=message):
            network().descent(*data, **options)

    def test_float64(self, data):
        with pytest.raises(ValueError, match=r"products of float32 and .* dtype is float64"):
            network(dtype="float64").descent(*data, precision="tf32")

    def test_populations(self, data):
        with pytest.raises(ValueError, match="train_many takes no precision"):
            nnlib.train_many([3, 2], *data, n=2, precision="tf32", device="cuda")

    def test_an_old_gpu(self, data, monkeypatch):
        monkeypatch.setattr("nnlib.kernels.cuda.compile.jit.capability", lambda: (7, 5))
        with pytest.raises(nnlib.DeviceError, match=r"8\.0 or newer; this one has 7\.5"):
            network().descent(*data, precision="tf32")
