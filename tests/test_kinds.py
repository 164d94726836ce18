"""Ways to compute that do not know a kind of layer refuse it by name, or leave it to others."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import nnlib
from nnlib.machine.device import missing_for_cuda
from nnlib.population.lanes import in_lanes
from nnlib.training.options import Options
from tests.unknown_kind import NAME, with_unknown_kind

X, Y = np.linspace(0, 1, 20), np.linspace(0.2, 0.8, 20)


@pytest.fixture
def net():
    """A network whose last layer is of a kind that nothing knows."""
    network = nnlib.Network([1, 2, 1])
    architecture = network.architecture
    for name in ("table", "training_table"):
        object.__setattr__(architecture, name, with_unknown_kind(getattr(architecture, name)))
    return network


@pytest.mark.cpu("compile")
def test_a_pass_that_is_written_out(net):
    with pytest.raises(ValueError, match=f"cannot be written out: it has a layer of kind '{NAME}'"):
        net.descent(X, Y, compile=True, epochs=1)


@pytest.mark.cpu("levenberg_marquardt")
def test_levenberg_marquardt(net):
    with pytest.raises(ValueError, match=f"has no Jacobian of layers of kind '{NAME}'"):
        net.descent(X, Y, optimizer="levenberg_marquardt", epochs=1)


def test_networks_in_lanes(net):
    work = SimpleNamespace(train=SimpleNamespace(X=X.reshape(-1, 1)), validation=None)
    options = Options(epochs=1)
    known = SimpleNamespace(network=nnlib.Network([1, 2, 1]), options=options)
    assert in_lanes(work, known)
    assert not in_lanes(work, SimpleNamespace(network=net, options=options))


@pytest.mark.skipif(missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}")
def test_a_gpu(net):
    from nnlib.population.cuda.blocks import cut

    group = SimpleNamespace(network=net, options=Options(epochs=1))
    net.to("cuda")
    doing = [
        lambda: net.F(X),
        lambda: net.J(X, Y),
        lambda: net.descent(X, Y, epochs=1),
        lambda: net.descent(X, Y, optimizer="lbfgs", epochs=1),
        lambda: cut(SimpleNamespace(train=SimpleNamespace(X=X)), group),
    ]
    for act in doing:
        with pytest.raises(ValueError, match=f"layers of kind '{NAME}' run on the CPU"):
            act()


@pytest.mark.skipif(missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}")
@pytest.mark.parametrize("setting", ["trainable", "rate_factor"])
def test_a_gpu_refuses_layers_that_train_in_a_way_of_their_own(setting):
    net = nnlib.Network([1, 2, 1], device="cuda")
    setattr(net.layers[0], setting, {"trainable": False, "rate_factor": 0.5}[setting])
    doing = [
        lambda: net.descent(X, Y, epochs=1),
        lambda: net.descent(X, Y, optimizer="adam", batch_size=5, epochs=1),
        lambda: nnlib.train_many(net, X, Y, n=2, epochs=1),
        lambda: nnlib.train_many(net, X, Y, n=2, epochs=1, batch_size=5),
    ]
    for act in doing:
        with pytest.raises(ValueError, match="rates of their own run on the CPU"):
            act()
    assert net.F(X).shape == X.shape
