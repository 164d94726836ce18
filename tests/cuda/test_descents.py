"""Descents on the GPU: every kernel against the CPU, arrays there, interruption, checkpoints."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from tests.tolerances import assert_close
from tests.training.interruptions import interrupt_after

pytestmark = pytest.mark.skipif(
    missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}"
)
if missing_for_cuda() is None:
    from nnlib.cuda import launch
    from nnlib.cuda import rounds as cuda_rounds
    from nnlib.kernels.cuda.compile.jit import cuda

EPOCHS = 3


@pytest.fixture(params=["alone", "together", "layers"])
def kind(request, monkeypatch):
    """All three ways to cut a descent, whatever its shape."""
    wide, work = {"alone": (99, 10**9), "together": (99, 0), "layers": (0, 0)}[request.param]
    monkeypatch.setattr(launch, "MOST_WIDTH", wide)
    monkeypatch.setattr(launch, "WORK_OF_ONE_BLOCK", work)
    monkeypatch.setattr(launch, "LEAST_LANES", 1)
    return request.param


def pair(*arguments, **options):
    """The same network on either device."""
    return [nnlib.Network(*arguments, **options, device=device) for device in ("cpu", "cuda")]


def both(nets, X, y, **options):
    """Descend with either and compare everything that they leave behind."""
    options = {"epochs": EPOCHS, "seed": 5, **options}
    ours, theirs = (net.descent(X, y, **options) for net in nets)
    terms, depth = 4 * len(X), 8 * EPOCHS * (1 + len(X) // (options.get("batch_size") or len(X)))
    assert_close(nets[1].parameters, nets[0].parameters, terms=terms, depth=depth)
    dtype = nets[0].dtype
    assert_close(theirs.J, ours.J, terms=terms, depth=depth, dtype=dtype)
    np.testing.assert_array_equal(theirs.learning_rate, ours.learning_rate)
    assert theirs.stopped == ours.stopped
    assert theirs.best_epoch == ours.best_epoch
    if ours.validation_J is not None:
        assert_close(theirs.validation_J, ours.validation_J, terms=terms, depth=depth, dtype=dtype)
    return theirs


@pytest.fixture
def data(rng):
    """33 examples of three features and two targets."""
    return rng.normal(size=(33, 3)), rng.normal(size=(33, 2))


@pytest.mark.parametrize("batch_size", [None, 12])
def test_plain_descent(kind, dtype, batch_size, data):
    both(pair([3, 6, 5, 2], "tanh", dtype=dtype), *data, batch_size=batch_size)


@pytest.mark.parametrize(
    "optimizer", ["momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw", "rprop"]
)
def test_optimizers(kind, optimizer, data):
    both(pair([3, 4, 2], "sigmoid"), *data, optimizer=optimizer)


@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 0.1, "l1": 0.01, "reduction": "sum", "learning_rate": 1e-3},
        {"clip_norm": 0.05},
        {"clip_value": 0.02, "max_norm": 0.4},
        {"dropout": 0.4, "optimizer": "adam"},
        {"validation": 0.25, "patience": 1, "tolerance": 10.0},
        {"sample_weight": np.arange(33) % 4},
        {"learning_rate": nnlib.schedules.Cosine(0.1)},
        {"learning_rate": nnlib.schedules.ReduceOnPlateau(1e-9, patience=0)},
        {"target_cost": 100.0},
    ],
    ids=lambda options: "-".join(options),
)
def test_options(kind, options, data):
    both(pair([3, 4, 4, 2], "gelu"), *data, **{"batch_size": 12, **options})


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        (["relu", "identity"], "absolute_error"),
        (["leaky_relu", "identity"], "huber"),
        (["elu", "tanh"], "log_cosh"),
        (["silu", "identity"], "poisson"),
        (["softplus", "sigmoid"], "binary_cross_entropy"),
        (["gelu", "softmax"], "softmax_cross_entropy"),
        (["gelu", "softmax"], "kl_divergence"),
        (["tanh", "identity"], "hinge"),
        (["heaviside", "sigmoid"], "half_squared_error"),
    ],
)
def test_activations_and_losses(kind, activation, loss, rng):
    X, y = rng.normal(size=(20, 3)), rng.uniform(size=(20, 2))
    if activation[-1] == "softmax":
        y = rng.integers(0, 2, 20)
    if loss == "hinge":
        y = np.where(y > 0.5, 1.0, -1.0)
    nets = pair([3, 4, 2], activation, loss=loss)
    both(nets, X, y)
    (cpu, gpu) = nets
    gpu.parameters = cpu.parameters
    assert_close(gpu.F(X), cpu.F(X), terms=8, depth=4)
    assert_close(gpu.J(X, y), cpu.J(X, y), terms=40, depth=4)
    for mine, other in zip(gpu.derJ(X, y), cpu.derJ(X, y), strict=True):
        for a, b in zip(mine, other, strict=True):
            assert_close(a, b, terms=40, depth=4)


def test_the_same_bits_every_time(kind, data):
    nets = [nnlib.Network([3, 5, 2], device="cuda") for _ in range(2)]
    histories = [net.descent(*data, epochs=EPOCHS, batch_size=7) for net in nets]
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    np.testing.assert_array_equal(histories[0].J, histories[1].J)


def test_slices_leave_no_trace(kind, data, monkeypatch):
    nets = [nnlib.Network([3, 5, 2], device="cuda") for _ in range(2)]
    options = {"epochs": 2, "batch_size": 12, "validation": 0.2, "optimizer": "adam"}
    histories = [nets[0].descent(*data, **options)]
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    histories.append(nets[1].descent(*data, **options))
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)
    np.testing.assert_array_equal(histories[0].J, histories[1].J)


@pytest.mark.parametrize("options", [{"target_cost": 100.0}, {"epochs": 1}])
def test_a_second_descent_goes_on_with_the_generator(kind, options, data):
    """An order that was drawn for an epoch that did not come leaves no trace."""
    nets = pair([3, 4, 2])
    for _ in range(2):
        both(nets, *data, **{"batch_size": 7, "seed": None, **options})


def test_divergence_leaves_the_last_finite_parameters(kind, data):
    nets = pair([3, 4, 2], "identity")
    for net in nets:
        with pytest.raises(nnlib.DivergenceError) as caught:
            net.descent(*data, learning_rate=1e200, epochs=9)
        assert caught.value.epoch == 1
    np.testing.assert_array_equal(
        nets[1].parameters, nnlib.Network([3, 4, 2], "identity").parameters
    )


@pytest.mark.parametrize("kind_of_end", ["callback", KeyboardInterrupt])
def test_an_early_end_leaves_an_epoch_s_end(kind, kind_of_end, data, monkeypatch):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)

    def callback(report):
        if kind_of_end is KeyboardInterrupt:
            raise KeyboardInterrupt
        return True

    whole, net = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(2))
    whole.descent(*data, epochs=1, batch_size=12, seed=1)
    options = {"epochs": 5, "batch_size": 12, "seed": 1, "callback": callback}
    if kind_of_end is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            net.descent(*data, **options)
    else:
        assert net.descent(*data, **options).stopped == "callback"
    np.testing.assert_array_equal(net.parameters, whole.parameters)


@pytest.mark.parametrize("short", [True, False])
def test_after_ctrl_c_it_goes_on_as_if_uninterrupted(kind, short, data, monkeypatch):
    """Between two slices of a batch, or between two launches of a slice of many epochs."""
    options = {"epochs": 3, "batch_size": 12, "optimizer": "adam", "seed": None}
    net, twin = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(2))
    with monkeypatch.context() as patch:
        if short:
            interrupt_after(4, patch)
        elif kind == "alone":
            return  # many epochs are one launch
        else:
            patch.setattr("nnlib.training.slices.SLICE_SECONDS", 100)
            run = cuda_rounds.Rounds.run

            def interrupted(self, batch, rounds):
                assert rounds > 4
                patch.setattr(cuda_rounds.Rounds, "run", run)
                run(self, batch, 4)
                raise KeyboardInterrupt

            patch.setattr(cuda_rounds.Rounds, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            net.descent(*data, **options)
    whole = twin.descent(*data, **{**options, "epochs": 1})
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    for one in (net, twin):
        history = one.descent(*data, **{**options, "epochs": 2}, partial=True)
    assert history.J[0] < whole.J[0]
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    np.testing.assert_array_equal(net._generator, twin._generator)


def test_a_callback_sees_the_epoch_that_the_report_names(kind, data):
    net, twin, seen = *(nnlib.Network([3, 4, 2], device="cuda") for _ in range(2)), {}
    options = {"batch_size": 12, "optimizer": "adam"}

    def callback(report):
        seen[report.epoch] = net.parameters.copy()

    net.descent(*data, epochs=2, callback=callback, callback_epochs=1, **options)
    for epoch in (1, 2):
        twin.descent(*data, epochs=1, partial=epoch > 1, **options)
        np.testing.assert_array_equal(seen[epoch], twin.parameters)


def test_a_resumed_descent_has_the_same_bits(kind, data, monkeypatch, tmp_path):
    monkeypatch.setattr("nnlib.training.slices.SLICE_SECONDS", 1e-12)
    options = {"epochs": 4, "batch_size": 12, "optimizer": "adam", "seed": 1, "dropout": 0.2}
    whole, net = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(2))
    history = whole.descent(*data, **options)

    def interrupt(report):
        if report.epoch == 2:
            raise KeyboardInterrupt

    saving = {"checkpoint": tmp_path / "descent", "resume": True}
    with pytest.raises(KeyboardInterrupt):
        net.descent(*data, **options, **saving, callback=interrupt)
    again = nnlib.Network([3, 4, 2], device="cuda")
    resumed = again.descent(*data, **options, **saving)
    np.testing.assert_array_equal(again.parameters, whole.parameters)
    np.testing.assert_array_equal(resumed.J, history.J)


def test_the_checkpoint_of_another_device_is_refused(data, tmp_path):
    options = {"epochs": 2, "checkpoint": tmp_path / "descent"}
    cpu, gpu = pair([3, 4, 2])
    cpu.descent(*data, **options)
    with pytest.raises(ValueError, match="device was cpu, is cuda"):
        gpu.descent(*data, **options, resume=True)


class TestArraysOnTheGPU:
    """Used where they are; what F answers stays there."""

    def test_descent_and_function(self, kind, data):
        X, y = map(cuda.to_device, data)
        one, other = (nnlib.Network([3, 4, 2], device="cuda") for _ in range(2))
        options = {"epochs": 2, "batch_size": 12, "validation": (X, y), "seed": 2}
        history = one.descent(X, y, **options)
        other_history = other.descent(*data, **{**options, "validation": data})
        np.testing.assert_array_equal(one.parameters, other.parameters)
        np.testing.assert_array_equal(history.validation_J, other_history.validation_J)
        out = one.F(X)
        assert not isinstance(out, np.ndarray)
        np.testing.assert_array_equal(out.copy_to_host(), one.F(data[0]))
        assert one.J(X, y) == one.J(*data)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.zeros((33, 3), np.float32), "X lies on the GPU with dtype float32, wanted float64"),
            (np.zeros((33, 4)), r"X has shape \(33, 4\), wanted \(n, 3\)"),
            (np.full((33, 3), np.nan), "X holds NaN or infinite numbers"),
            (np.zeros((32, 3)), "X has 32 examples and y has 33"),
            (np.zeros((0, 3)), "X is empty"),
        ],
    )
    def test_wrong_arrays_are_refused(self, X, message, data):
        net = nnlib.Network([3, 4, 2], device="cuda")
        with pytest.raises((TypeError, ValueError), match=message):
            net.J(cuda.to_device(X), cuda.to_device(data[1]))

    def test_one_on_either_side_is_refused(self, data):
        net = nnlib.Network([3, 4, 2], device="cuda")
        with pytest.raises(TypeError, match="X lies on the GPU and y does not"):
            net.descent(cuda.to_device(data[0]), data[1])

    def test_a_split_is_refused(self, data):
        net = nnlib.Network([3, 4, 2], device="cuda")
        with pytest.raises(ValueError, match="would split arrays that lie on the GPU"):
            net.descent(*map(cuda.to_device, data), validation=0.5)

    @pytest.mark.parametrize(
        ("loss", "value", "message"),
        [
            ("poisson", -1, "negative"),
            ("binary_cross_entropy", 2, "outside 0 … 1"),
            ("softmax_cross_entropy", 0.25, "does not add up to 1"),
            ("kl_divergence", 0.25, "does not add up to 1"),
            ("kl_divergence", 2, "outside 0 … 1"),
            ("hinge", 0, "other numbers than 1 and -1"),
        ],
    )
    def test_wrong_targets_are_refused(self, loss, value, message, data):
        net = nnlib.Network([3, 4, 2], "identity", loss=loss, device="cuda")
        y = np.full((33, 2), value, np.float64)
        with pytest.raises(ValueError, match=message):
            net.J(*map(cuda.to_device, (data[0], y)))


def test_the_simulator_is_what_runs_where_it_is_asked_for():
    from nnlib.kernels.cuda.compile.jit import SIMULATED

    assert bool(numba.config.ENABLE_CUDASIM) == SIMULATED
