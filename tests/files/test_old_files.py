"""Files of every format version that was released: they load for ever."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import nnlib
from nnlib.files.arrays import FORMAT_VERSION, read_arrays

from ..tolerances import assert_close
from . import old_files
from .old_files import CHECKPOINTS, FOLDER, digest, digest_of, inputs, manifest

pytestmark = pytest.mark.cpu("host")

VERSIONS = [str(version) for version in range(1, int(FORMAT_VERSION) + 1)]
every_version = pytest.mark.parametrize("version", VERSIONS)


def test_every_format_version_has_its_files():
    """Whoever changes FORMAT_VERSION runs `python -m tests.files.old_files`."""
    assert sorted(path.name for path in FOLDER.glob("v*")) == [f"v{v}" for v in VERSIONS]


@every_version
def test_the_files_are_those_of_their_time(version):
    written = {
        path.name: digest_of(path)
        for path in (FOLDER / f"v{version}").iterdir()
        if path.suffix == ".safetensors"
    }
    assert written == manifest(version)["files"]
    assert len(written) == sum(len(manifest(version)[kind]) for kind in ("networks", "checkpoints"))


@pytest.mark.parametrize(
    ("version", "name"), [(v, name) for v in VERSIONS for name in manifest(v)["networks"]]
)
def test_networks(version, name):
    expected = manifest(version)["networks"][name]
    net = nnlib.load(old_files.network_path(version, name))
    assert repr(net) == expected["repr"]
    assert digest(net.parameters) == expected["parameters"]
    assert digest(net._generator) == expected["generator"]
    X = inputs(net.sizes[0]) if name != "extreme values" else np.zeros((1, 1))
    depth = len(net.sizes)
    assert_close(net.F(X), expected["F"], terms=max(net.sizes), depth=depth, dtype=net.dtype)


@pytest.mark.parametrize(
    ("version", "name"), [(v, name) for v in VERSIONS for name in manifest(v)["checkpoints"]]
)
def test_descents_go_on_from_checkpoints(version, name, tmp_path):
    """From where they were interrupted: the costs till then are the file's, bit for bit."""
    expected = manifest(version)["checkpoints"][name]
    slices, net = CHECKPOINTS[name][0], old_files.network_of(name)
    path = tmp_path / "descent"
    shutil.copy(old_files.checkpoint_path(version, name), path)
    arrays, _ = read_arrays(path)
    epochs = int(arrays["position"][0])
    assert epochs > 0
    assert (epochs < len(expected["J"])) == (slices is not None)
    history = old_files.descend(net, name, path, resume=True)
    np.testing.assert_array_equal(history.J[:epochs], arrays["costs"][:epochs])
    assert history.stopped == expected["stopped"]
    # Another processor may round otherwise; a step may make that as much larger as a layer does.
    settings = {"terms": old_files.N, "depth": 3 * len(history.J), "dtype": net.dtype}
    assert_close(history.J, expected["J"], **settings)
    assert_close(net.parameters, expected["parameters"], **settings)
