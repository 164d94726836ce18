"""Files of arrays: the same bits back, a file whole or not at all, and errors that say why."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis.extra import numpy as numpy_strategies

import nnlib
from nnlib.files.arrays import HEADER_LIMIT, read_arrays, write_arrays

from .test_writing import ordinary_user, private_folder  # noqa: F401  fixtures

pytestmark = pytest.mark.cpu("host")

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")

arrays_of_any_shape = st.sampled_from(["float32", "float64", "int64", "uint64", "uint32"]).flatmap(
    lambda dtype: numpy_strategies.arrays(
        dtype, numpy_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    )
)
reserved = ["__metadata__", "format_version", "sha256"]  # hypothesis tries words of the source
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda name: name not in reserved
)


@given(
    arrays=st.dictionaries(names, arrays_of_any_shape, max_size=4),
    metadata=st.dictionaries(names, names, max_size=4),
)
def test_the_same_bits_come_back(arrays, metadata):
    """Any shape, also () and empty ones, NaN of any payload, any text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        write_arrays(path, arrays, metadata)
        read, read_metadata = read_arrays(path)
    assert read_metadata == metadata
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        assert read[name].tobytes() == array.tobytes()
        assert read[name].flags.carray


def test_any_memory_layout(tmp_path):
    """The values count, not their place in memory, nor the byte order."""
    grid = np.arange(12.0).reshape(3, 4)
    layouts = {"columns": grid.T, "steps": grid[::2, ::-1], "swapped": grid.astype(">f8")}
    write_arrays(tmp_path / "file", layouts, {})
    read, _ = read_arrays(tmp_path / "file")
    for name, array in layouts.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == np.float64


def test_other_programs_can_read_it(tmp_path):
    write_arrays(tmp_path / "file", {"x": np.arange(3.0)}, {"unit": "m"})
    np.testing.assert_array_equal(safetensors.numpy.load_file(tmp_path / "file")["x"], [0, 1, 2])


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "message"),
    [
        ({"x": np.zeros(1, complex)}, {}, TypeError, r"arrays\['x'\] is complex128, wanted"),
        ({"x": np.array([None])}, {}, TypeError, r"arrays\['x'\] is object, wanted"),
        ({"x": [1.0]}, {}, TypeError, r"arrays\['x'\] is list, wanted"),
        ({"__metadata__": np.zeros(1)}, {}, ValueError, "keeps for itself"),
        ({}, {"epoch": 7}, TypeError, r"'epoch': 7, wanted str: str"),
        ({}, {7: "epoch"}, TypeError, r"7: 'epoch', wanted str: str"),
        ({}, {"sha256": "0"}, ValueError, "'sha256', which nnlib writes"),
        ({}, {"format_version": "2"}, ValueError, "'format_version', which nnlib writes"),
        ({}, {"text": "a" * HEADER_LIMIT}, ValueError, f"wanted at most {HEADER_LIMIT}"),
    ],
)
def test_what_cannot_be_written(arrays, metadata, error, message, tmp_path):
    with pytest.raises(error, match=message):
        write_arrays(tmp_path / "file", arrays, metadata)
    assert not list(tmp_path.iterdir())


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_arrays(tmp_path / "nowhere")


def test_a_folder_instead_of_a_file(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        read_arrays(tmp_path / "folder")


@posix
def test_a_pipe_without_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(nnlib.FormatError, match=r"pipe is no regular file"):
        read_arrays(tmp_path / "pipe")


@pytest.mark.parametrize("value", [0, True, b"file", None, 1.5, np.int64(3)])
@pytest.mark.parametrize("call", [read_arrays, lambda path: write_arrays(path, {}, {})])
def test_only_paths_are_paths(call, value):
    with pytest.raises(TypeError, match="path must be the path of a file; got"):
        call(value)


def test_the_callers_open_file_stays_open(tmp_path):
    with open(tmp_path / "file", "w+b") as file:
        for call in (nnlib.load, nnlib.Network([1, 1]).save):
            with pytest.raises(TypeError, match="got "):
                call(file.fileno())
        os.fstat(file.fileno())


def test_a_file_of_another_program(tmp_path):
    path = tmp_path / "file"
    safetensors.numpy.save_file({"x": np.zeros(2)}, path)
    with pytest.raises(nnlib.FormatError, match="nnlib did not write"):
        read_arrays(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(nnlib.FormatError, match="no file of nnlib"):
        read_arrays(path)


def test_a_newer_version(tmp_path):
    safetensors.numpy.save_file({}, tmp_path / "file", {"format_version": "2"})
    with pytest.raises(nnlib.FormatError, match="format version 2; this nnlib reads version 1"):
        read_arrays(tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"", "has 0 bytes, wanted at least 8: it is truncated"),
        (lambda data: data[:60], "is truncated: it has 60 bytes"),
        (lambda data: data[:-1], "not fully covered|IncompleteBuffer"),
        (lambda data: data + b"\0", "not fully covered|IncompleteBuffer"),
        (lambda data: data[:-1] + b"\1", "not that of its digest"),
        (lambda data: data.replace(b"seven", b"eight"), "not that of its digest"),
        (lambda data: data.replace(b'"F64"', b'"I64"'), "not that of its digest"),
        (lambda data: data.replace(b'"x":', b'"y":'), "not that of its digest"),
    ],
    ids=[
        "empty",
        "half a header",
        "a byte less",
        "a byte more",
        "a bit of data",
        "metadata",
        "dtype",
        "name",
    ],
)
def test_damage_is_named(change, message, tmp_path):
    path = tmp_path / "model"
    write_arrays(path, {"x": np.zeros(2)}, {"epoch": "seven"})
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(nnlib.FormatError, match=message) as caught:
        read_arrays(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("call", [lambda p: write_arrays(p, {}, {}), read_arrays])
def test_the_missing_library_is_named(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        call(tmp_path / "file")


@posix
def test_unreadable_file(request):
    folder = request.getfixturevalue("private_folder")
    path = folder / "file"
    write_arrays(path, {}, {})
    path.chmod(0)
    folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(PermissionError, match="file"):
        read_arrays(path)
