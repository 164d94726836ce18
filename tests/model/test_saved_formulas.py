"""Losses and activations in files: names, settings, and digests of the user's own formulas."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nnlib
from nnlib.files.arrays import read_arrays, write_arrays
from nnlib.model import saved_formulas
from tests.formulas import own
from tests.formulas.cases import LOSSES, data, network

pytestmark = pytest.mark.cpu("formulas")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def architecture_in(path):
    """The architecture that a file holds."""
    return json.loads(read_arrays(path)[1]["architecture"])


def change(path, **changes):
    """Replace parts of the architecture that a file holds."""
    arrays, metadata = read_arrays(path)
    architecture = {**json.loads(metadata["architecture"]), **changes}
    metadata = {"kind": "network", "architecture": json.dumps(architecture)}
    write_arrays(path, arrays, metadata)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_loss_with_settings(loss, path):
    net = network(loss)
    net.save(path)
    copy = nnlib.load(path)
    X, y, weights = data(loss)
    assert copy.loss == loss
    assert copy.J(X, y, sample_weight=weights) == net.J(X, y, sample_weight=weights)
    assert architecture_in(path)["loss"] == {"name": loss.family, "settings": loss.settings}


def test_a_loss_without_settings_is_a_name_as_ever(path):
    nnlib.Network([1, 1], "identity", nnlib.losses.Huber(1)).save(path)
    assert architecture_in(path)["loss"] == "huber"
    assert architecture_in(path)["activation"] == ["identity"]


@pytest.fixture
def saved(path):
    """A network of the user's own formulas, in a file."""
    net = nnlib.Network([2, 3, 1], [own.activation("act"), "tanh"], own.loss("cost"))
    net.save(path)
    return net


def test_formulas_of_the_user_s_own(saved, path, rng):
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    several = [own.scaled_loss(3.0), own.activation("act"), own.loss("cost"), own.loss("act")]
    copy = nnlib.load(path, custom=several)
    assert copy.J(X, y) == saved.J(X, y)
    assert (copy.loss, copy.activations) == (saved.loss, saved.activations)
    assert b"squared_error" not in path.read_bytes()


@pytest.mark.parametrize(
    ("custom", "words"),
    [
        ([], ["loss", "'cost'", "nnlib.losses.Custom", "custom=[…]"]),
        ([own.loss("cost")], ["activation", "'act'", "nnlib.activations.Custom", "custom=[…]"]),
        ([own.loss("act"), own.activation("cost")], ["loss", "'cost'", "nnlib.losses.Custom"]),
        ([own.scaled_loss(3.0, "cost"), own.activation("act")],
         ["loss", "'cost'", "digest", "another formula"]),
        ([own.loss("cost"), own.scaled_activation(3.0, "act")],
         ["activation", "'act'", "digest", "another formula"]),
    ],
)  # fmt: skip
def test_missing_or_other_formulas(saved, path, custom, words):
    with pytest.raises(nnlib.FormatError) as caught:
        nnlib.load(path, custom=custom)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_of_two_of_one_name_the_digest_chooses(saved, path):
    several = [own.scaled_loss(3.0, "cost"), own.loss("cost"), own.activation("act")]
    assert nnlib.load(path, custom=several).loss == saved.loss


def test_under_another_python_the_name_decides(saved, path, monkeypatch):
    monkeypatch.setattr(saved_formulas, "_python", lambda: "3.99")
    several = [own.scaled_loss(3.0, "cost"), own.activation("act")]
    assert nnlib.load(path, custom=several).loss == several[0]


@pytest.mark.parametrize("custom", [3, "cost", [3], [own.loss], {"a": 1}, None], ids=str)
def test_what_is_no_custom(saved, path, custom):
    with pytest.raises(TypeError, match="custom must be a list of"):
        nnlib.load(path, custom=custom)


def test_a_single_formula_is_a_list_of_one(path):
    nnlib.Network([1, 1], "tanh", own.loss("cost")).save(path)
    assert nnlib.load(path, own.loss("cost")).loss == own.loss("cost")


@pytest.mark.parametrize(
    "loss",
    [
        3, None, [], {}, {"name": "quantile"}, {"name": "quantile", "settings": 3},
        {"name": "quantile", "settings": {}, "more": 1}, {"name": "huber2", "settings": {}},
        {"name": ["huber"], "settings": {}}, {"name": "quantile", "settings": {"q": 0.5}},
        {"name": "quantile", "settings": {"tau": 3}}, {"name": "quantile", "settings": {"tau": []}},
        {"name": "custom", "settings": {}}, {"name": "focal", "settings": {"gamma": None}},
        {"custom": "a", "digest": "b"}, {"custom": 3, "digest": 4, "python": 5}, "hubert",
    ],
    ids=str,
)  # fmt: skip
def test_files_that_hold_something_else(loss, path):
    net = nnlib.Network([1, 1], "identity", "huber")
    for place, value in (("loss", loss), ("activation", [loss])):
        net.save(path)
        change(path, **{place: value})
        with pytest.raises(nnlib.FormatError):
            nnlib.load(path)


def test_an_activation_has_no_settings(path):
    nnlib.Network([1, 1], "identity").save(path)
    change(path, activation=[{"name": "quantile", "settings": {"tau": 0.5}}])
    with pytest.raises(nnlib.FormatError, match="its activation is 'quantile'"):
        nnlib.load(path)


def test_parameters_come_back(saved, path):
    copy = nnlib.load(path, custom=[own.loss("cost"), own.activation("act")])
    np.testing.assert_array_equal(copy.parameters, saved.parameters)
