"""Files of arrays: the same bits back, a file whole or not at all, and errors that say why."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis.extra import numpy as numpy_strategies

import nnlib
from nnlib.files import HEADER_LIMIT, read_arrays, write_arrays, write_atomically

pytestmark = pytest.mark.cpu("host")

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")

arrays_of_any_shape = st.sampled_from(["float32", "float64", "int64", "uint64"]).flatmap(
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


def test_atomic_write_makes_and_replaces(tmp_path):
    path = tmp_path / "file"
    for data in (b"old", b"", b"new" * 100_000):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_write_with_the_longest_name(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


@posix
def test_atomic_write_follows_a_link(tmp_path):
    (tmp_path / "models").mkdir()
    target, link = tmp_path / "models" / "7", tmp_path / "latest"
    link.symlink_to(target)
    for data in (b"old", b"new"):
        write_atomically(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data


@posix
def test_atomic_write_permissions(tmp_path):
    """Those that open() would give to a new file; those of the old one for an old one."""
    path = tmp_path / "file"
    old_mask = os.umask(0o027)
    try:
        write_atomically(path, b"old")
    finally:
        os.umask(old_mask)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o600)
    write_atomically(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o600


@contextmanager
def fails_and_leaves(folder, error, *, path=None, message=None):
    """The error names the path, and the folder holds the same files with the same content."""
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    with pytest.raises(error, match=message) as caught:
        yield
    if path is not None:
        assert caught.value.filename == str(path)
    assert {file: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before


def raise_(error):
    def function(*arguments, **settings):
        raise error

    return function


@pytest.mark.parametrize("existing", [True, False], ids=["old file", "no file"])
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_any_step_fails(step, error, existing, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if existing:
        path.write_bytes(b"old")
    monkeypatch.setattr(os, step, raise_(error))
    named = {"path": path, "message": "Input/output error"} if isinstance(error, OSError) else {}
    with fails_and_leaves(tmp_path, type(error), **named):
        write_atomically(path, b"new")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_order_of_steps(tmp_path, monkeypatch):
    """The content reaches the disk before the name does, or a power cut leaves an empty file."""
    path = tmp_path / "file"
    steps = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor):
        steps.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def record_replace(source, target):
        steps.append((str(source), str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    write_atomically(path, b"new")
    temporary = steps[0]
    assert Path(temporary).parent == tmp_path
    assert steps == [temporary, (temporary, str(path)), str(tmp_path)]


def test_missing_folder(tmp_path):
    path = tmp_path / "nowhere" / "file"
    with fails_and_leaves(tmp_path, FileNotFoundError, path=path):
        write_atomically(path, b"new")


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    path = tmp_path / "file" / "file"
    with fails_and_leaves(tmp_path, OSError, path=path):
        write_atomically(path, b"new")


def test_a_folder_where_the_file_should_be(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with fails_and_leaves(tmp_path, OSError, path=path):
        write_atomically(path, b"new")


@pytest.fixture
def ordinary_user():
    """No rights of the system's administrator, who may write and read anything."""
    if os.geteuid():
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("cannot become another user than root here")
    yield
    os.seteuid(0)


@pytest.fixture
def private_folder():
    """A folder that any user can reach and only its owner can write; pytest's cannot be reached."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield folder
        folder.chmod(0o700)


@posix
def test_read_only_folder(private_folder, request):
    path = private_folder / "file"
    path.write_bytes(b"old")
    private_folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    with fails_and_leaves(private_folder, PermissionError, path=path):
        write_atomically(path, b"new")


@posix
def test_unreadable_file(private_folder, request):
    path = private_folder / "file"
    write_arrays(path, {}, {})
    path.chmod(0)
    private_folder.chmod(0o555)
    request.getfixturevalue("ordinary_user")
    with pytest.raises(PermissionError, match="file"):
        read_arrays(path)


@posix
def test_the_file_may_not_grow_so_long(tmp_path):
    import resource

    path = tmp_path / "file"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with fails_and_leaves(tmp_path, OSError, path=path, message="too large"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        try:
            write_atomically(path, bytes(100_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk(tiny_disk):
    """The old network is still there, and a smaller one can be saved after that."""
    path = tiny_disk / "model"
    net = nnlib.Network([1, 2, 1], seed=1)
    net.save(path)
    with fails_and_leaves(tiny_disk, OSError, path=path, message="No space left on device"):
        nnlib.Network([100, 100]).save(path)
    np.testing.assert_array_equal(nnlib.load(path).parameters, net.parameters)
    nnlib.Network([1, 3, 1]).save(path)
    assert nnlib.load(path).sizes == (1, 3, 1)
