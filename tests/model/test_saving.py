"""Saved networks: everything comes back, and no file does anything but load or be refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from nnlib.files.arrays import HEADER_LIMIT, read_arrays, write_arrays
from nnlib.kernels.formulas import activations
from nnlib.model import saving
from tests.devices import amount

from ..fuzz.networks import same


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.none() | st.integers(0, 2**64 - 1),
    data=st.data(),
)
def test_everything_comes_back(sizes, dtype, seed, data, tmp_path_factory):
    layers = len(sizes) - 1
    anywhere = sorted(set(activations.CODES) - {"softmax"})
    names = data.draw(st.lists(st.sampled_from(anywhere), min_size=layers, max_size=layers))
    net = nnlib.Network(sizes, names, dtype=dtype, seed=seed)
    # Any finite bits: the largest number, the smallest, −0.
    net.parameters[0] = data.draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
    path = tmp_path_factory.getbasetemp() / "model"
    net.save(path)
    copy = nnlib.load(path)
    assert same(copy, net)
    assert (copy.sizes, copy.activations, copy.loss, copy.dtype) == (
        net.sizes, net.activations, net.loss, net.dtype
    )  # fmt: skip


def test_equal_outputs(path, dtype, rng):
    net = nnlib.Network([3, 20, 2], ["relu", "sigmoid"], dtype=dtype, seed=4)
    net.save(path)
    X = rng.normal(size=(amount(50, 5), 3))
    assert nnlib.load(path).F(X).tobytes() == net.F(X).tobytes()


def test_dropout_has_the_same_masks(path, dtype, rng):
    X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    net = nnlib.Network([2, 8, 1], "tanh", dtype=dtype, seed=5)
    net.save(path)
    copy = nnlib.load(path)
    for network in (net, copy):
        network.descent(X, y, epochs=3, dropout=0.5)
    np.testing.assert_array_equal(copy.parameters, net.parameters)


@pytest.mark.parametrize("grid", [{"learning_rate": [0.1, 0.2]}, {"initializer": ["zeros", None]}])
def test_a_population_of_a_network_with_a_longer_seed(grid, rng):
    """As files of earlier versions may hold."""
    X, y = rng.normal(size=(20, 2)), rng.random(20)
    net = nnlib.Network([2, 3, 1], "tanh", seed=5)
    net.restore(net.parameters, seed=2**70)
    population = nnlib.train_many(net, X, y, grid=grid, epochs=2)
    assert population[0].seed == 2**70


def test_training_goes_on_with_the_same_bits(path, dtype, rng):
    """Shuffled mini-batches: the generator has come as far as in the network that was saved."""
    n = amount(40, 14)
    X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    settings = {"batch_size": 7, "epochs": amount(5, 2), "learning_rate": 0.05}
    net = nnlib.Network([2, 4, 1], "tanh", dtype=dtype, seed=None)
    net.descent(X, y, **settings)
    net.save(path)
    copy = nnlib.load(path)
    fresh = nnlib.Network([2, 4, 1], "tanh", dtype=dtype, seed=None)
    fresh.parameters = net.parameters
    for network in (net, copy, fresh):
        network.descent(X, y, **settings)
    assert copy.parameters.tobytes() == net.parameters.tobytes()
    assert fresh.parameters.tobytes() != net.parameters.tobytes()


def test_a_drawn_seed_is_saved(path):
    net = nnlib.Network([1, 2, 1], seed=None)
    net.save(path)
    assert nnlib.load(path).seed == net.seed


def test_a_file_of_an_earlier_version_may_not_tell_the_seed(path):
    net = nnlib.Network([1, 2, 1])
    net.restore(net.parameters, seed=None)
    net.save(path)
    copy = nnlib.load(path)
    assert copy.seed is None
    assert "seed=None" in repr(copy)
    assert copy._generator.tolist() == net._generator.tolist()
    copy.descent([0, 1, 2, 3], [0, 1, 1, 0], validation=0.5, epochs=1)
    population = nnlib.train_many(copy, [0, 1, 2, 3], [0, 1, 1, 0], folds=2, epochs=1)
    assert population.best.seed is None


def test_the_copy_is_independent(path):
    net = nnlib.Network([1, 2, 1])
    net.save(path)
    copy = nnlib.load(path)
    copy.weights[0][:] = 7
    assert (copy.parameters[:2] == 7).all()
    assert not (net.parameters == 7).any()
    assert not (nnlib.load(path).parameters == 7).any()


def test_a_thousand_layers(path):
    net = nnlib.Network([2] * 1001, ["tanh", "relu"] * 500)
    net.save(path)
    assert same(nnlib.load(path), net)


def test_path_as_text(path):
    nnlib.Network([1, 1]).save(str(path))
    assert nnlib.load(str(path)).sizes == (1, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_not_saved(path, value):
    net = nnlib.Network([1, 2, 1])
    net.save(path)
    before = path.read_bytes()
    net.parameters[3] = value
    with pytest.raises(ValueError, match=f"parameters holds {value} at index 3"):
        net.save(path)
    assert path.read_bytes() == before


def test_a_missing_file(path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        nnlib.load(path)


def test_a_file_of_arrays_is_no_network(path):
    write_arrays(path, {"x": np.zeros(1)}, {"kind": "checkpoint"})
    with pytest.raises(nnlib.FormatError, match="its kind is 'checkpoint', wanted 'network'"):
        nnlib.load(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sizes", [10**12, 10**12], r"its parameters have shape \(7,\), its sizes need \(1000000"),
        ("sizes", [1, 0, 1], r"sizes\[1\] is 0"),
        ("activation", ["tanh", "sigmoyd"], r"'sigmoyd', .*; did you mean 'sigmoid'"),
        ("dtype", "float32", "its parameters are float64, its architecture says 'float32'"),
        ("seed", -1, "seed is -1"),
        ("colour", "red", r"architecture holds \['activation', 'colour'"),
    ],
)
def test_a_wrong_architecture_is_named(path, key, value, message):
    """The digest is right: this is what a careless or hostile program would write."""
    nnlib.Network([1, 2, 1]).save(path)
    arrays, metadata = read_arrays(path)
    architecture = {**json.loads(metadata["architecture"]), key: value}
    write_arrays(path, arrays, {**metadata, "architecture": json.dumps(architecture)})
    with pytest.raises(nnlib.FormatError, match=message) as caught:
        nnlib.load(path)
    assert str(path) in str(caught.value)


def test_a_generator_of_zeros(path):
    """Such a network would load, and shuffle alike in every epoch."""
    nnlib.Network([1, 2, 1]).save(path)
    arrays, metadata = read_arrays(path)
    write_arrays(path, {**arrays, "generator": np.zeros(4, np.uint64)}, metadata)
    with pytest.raises(nnlib.FormatError, match=r"generator .* not all 0"):
        nnlib.load(path)


def test_format_error_is_a_value_error():
    assert issubclass(nnlib.FormatError, ValueError)


class Counted(nnlib.Network):
    """Counts the networks that are made."""

    made = 0

    def __init__(self, *arguments, **settings):
        Counted.made += 1
        super().__init__(*arguments, **settings)


@pytest.mark.parametrize("text", ["sizes", "activation"])
def test_a_file_of_half_a_million_layers(path, text, monkeypatch):
    """1 MB of a right digest, with all its parameters: refused before a network is made of it."""
    monkeypatch.setattr(sys.modules["nnlib.load"], "Network", Counted)
    layers = 500_000
    sizes = [1] * (layers + 1) if text == "sizes" else [1, 1]
    names = "tanh" if text == "sizes" else ["tanh"] * 100_000
    architecture = {
        "sizes": sizes, "activation": names, "loss": "huber", "dtype": "float32", "seed": 0,
    }  # fmt: skip
    parameters = np.zeros(2 * (len(sizes) - 1), np.float32)
    write_arrays(
        path,
        {"parameters": parameters, "generator": np.ones(4, np.uint64)},
        {"kind": "network", "architecture": json.dumps(architecture, separators=(",", ":"))},
    )
    Counted.made = 0
    message = "has 500001 layers, wanted at most 40000" if text == "sizes" else "has 100000 names"
    with pytest.raises(nnlib.FormatError, match=message):
        nnlib.load(path)
    assert Counted.made == (text == "activation")  # whose first check refuses it


def test_what_could_not_be_read_again_is_not_saved(path, monkeypatch):
    monkeypatch.setattr(saving, "LAYERS_LIMIT", 3)
    nnlib.Network([1, 1, 1]).save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="has 4 layers, wanted at most 3"):
        nnlib.Network([1, 1, 1, 1]).save(path)
    assert path.read_bytes() == before


@pytest.mark.cpu("host")
@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as Linux does")
def test_a_large_file_takes_no_more_memory_than_its_size(path):
    """64 MiB, in a process that may take 8 MiB: refused by its header, its data never read."""
    path.write_bytes((HEADER_LIMIT + 1).to_bytes(8, "little"))
    os.truncate(path, 64 * 2**20)
    script = (
        "import resource, sys, nnlib, safetensors.numpy\n"
        "from pathlib import Path\n"
        "pages = int(Path('/proc/self/statm').read_text().split()[0])\n"
        "limit = pages * resource.getpagesize() + 8 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try: nnlib.load(sys.argv[1])\n"
        "except nnlib.FormatError as error: print(error)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "where its header's length belongs" in child.stdout, child.stderr
