"""L-BFGS with its costs from the GPU: the CPU's trajectory, options, interruption, checkpoints."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from nnlib.optimizers import LBFGS
from tests.cuda.test_descents import kind, pair  # noqa: F401  # kind is a fixture
from tests.tolerances import assert_close

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)
if missing_for_cuda() is None:
    from nnlib.kernels.cuda.compile.jit import cuda


@pytest.fixture
def data(rng):
    """33 examples of three features and two targets."""
    return rng.normal(size=(33, 3)), rng.normal(size=(33, 2))


def both(nets, X, y, **options):
    """L-BFGS on either device from the same start, compared; the history on the GPU."""
    options = {"optimizer": "lbfgs", "epochs": 4, **options}
    ours, theirs = (net.descent(X, y, **options) for net in nets)
    # Every iteration divides by changes of the gradient, so rounding grows faster than in descent.
    assert_close(nets[1].parameters, nets[0].parameters, terms=400, depth=200)
    assert_close(theirs.J, ours.J, terms=400, depth=200, dtype=nets[0].dtype)
    assert theirs.cost < ours.J[0]
    assert (theirs.evaluations, theirs.stopped) == (ours.evaluations, ours.stopped)
    return theirs


def test_trajectory(kind, dtype, data):  # noqa: F811
    both(pair([3, 5, 2], "tanh", dtype=dtype), *data)


@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 0.1, "reduction": "sum"},
        {"sample_weight": np.arange(33) % 4},
        {"optimizer": LBFGS(memory=2)},
        {"optimizer": LBFGS(gradient_tolerance=0.05), "epochs": 30},
        {"optimizer": LBFGS(cost_tolerance=0.5), "epochs": 30},
    ],
    ids=str,
)
def test_options(options, data):
    both(pair([3, 4, 2], ["gelu", "identity"]), *data, **options)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "poisson", "huber"])
def test_losses(loss, rng):
    X, y = rng.normal(size=(20, 3)), rng.uniform(size=(20, 2))
    y = rng.integers(0, 2, 20) if loss == "softmax_cross_entropy" else y
    both(pair([3, 4, 2], ["tanh", "identity"], loss=loss), X, y)


def test_arrays_on_the_gpu_are_used_there(data):
    one, other = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(2))
    one.descent(*map(cuda.to_device, data), optimizer="lbfgs", epochs=3)
    other.descent(*data, optimizer="lbfgs", epochs=3)
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_a_cost_beyond_all_numbers_is_no_step(data):
    X, y = data
    # The first trial step has length 1, and exp(3000) is no number.
    for device in ("cpu", "cuda"):
        net = nnlib.Network([3, 2], "identity", loss="poisson", initializer="zeros", device=device)
        history = net.descent(3000 * X, abs(y), optimizer="lbfgs", epochs=3)
        assert history.evaluations > 1 + len(history.J)
        assert np.isfinite(net.parameters).all()
        assert history.cost < history.J[0]


def test_no_finite_cost_at_the_start_is_an_error(data):
    net = nnlib.Network([3, 2], "identity", device="cuda")
    net.parameters = np.full(8, 1e200)
    before = net.parameters.copy()
    with pytest.raises(nnlib.DivergenceError):
        net.descent(*data, optimizer="lbfgs")
    np.testing.assert_array_equal(net.parameters, before)


def test_a_resumed_run_has_the_same_bits(data, monkeypatch, tmp_path):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    options = {"optimizer": "lbfgs", "epochs": 4}
    whole, net = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(2))
    history = whole.descent(*data, **options)

    def interrupt(report):
        if report.epoch == 2:
            raise KeyboardInterrupt

    saving = {"checkpoint": tmp_path / "descent", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        net.descent(*data, **options, **saving, callback=interrupt)
    with pytest.raises(ValueError, match="device was cuda, is cpu"):
        nnlib.Network([3, 4, 2], device="cpu").descent(*data, **options, **saving)
    again = nnlib.Network([3, 4, 2], device="cuda")
    resumed = again.descent(*data, **options, **saving)
    np.testing.assert_array_equal(again.parameters, whole.parameters)
    np.testing.assert_array_equal(resumed.J, history.J)
    assert resumed.evaluations == history.evaluations
