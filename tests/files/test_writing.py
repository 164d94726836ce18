"""Writing files: the old content or the new one, whatever fails, and nothing left behind."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib.files.writing import write_atomically

pytestmark = pytest.mark.cpu("host")

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX only")


def test_it_makes_and_replaces(tmp_path):
    path = tmp_path / "file"
    for data in (b"old", b"", b"new" * 100_000):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_it_with_the_longest_name(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


@posix
def test_it_follows_a_link(tmp_path):
    (tmp_path / "models").mkdir()
    target, link = tmp_path / "models" / "7", tmp_path / "latest"
    link.symlink_to(target)
    for data in (b"old", b"new"):
        write_atomically(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data


@posix
def test_its_permissions(tmp_path):
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


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, errno.EIO, errno.EROFS])
@posix
def test_folders_that_cannot_be_forced_to_the_disk(error, tmp_path, monkeypatch):
    """The file is in place by then, and some file systems know no more."""
    fsync = os.fsync

    def fail_for_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, os.strerror(error))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@posix
def test_a_folder_that_may_be_written_and_not_read(private_folder, request):
    private_folder.chmod(0o333)
    request.getfixturevalue("ordinary_user")
    write_atomically(private_folder / "file", b"new")
    assert (private_folder / "file").read_bytes() == b"new"


@posix
@pytest.mark.parametrize("call", ["fchmod", "fchown"])
def test_file_systems_without_permissions(call, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    if not os.geteuid():
        os.chown(path, 1234, 1234)
    path.chmod(0o640)
    monkeypatch.setattr(os, call, raise_(OSError(errno.ENOTSUP, "Operation not supported")))
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert not path.stat().st_mode & 0o037


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    folder = os.getcwd()
    os.chdir(path.parent)  # its own path may be too long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(folder)


def make_device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except OSError:
        pytest.skip("may not make a device here")


@posix
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_pipe, "a named pipe"),
        (make_socket, "a socket"),
        (make_device, "a device"),
        (Path.mkdir, "Is a directory"),
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_atomically(path, b"new"),
        lambda path: nnlib.Network([1, 1]).save(path),
        lambda path: nnlib.Network([1, 1]).descent([0], [0], checkpoint=path),
        lambda path: nnlib.Network([1, 1]).descent([0], [0], checkpoint=path, resume=True),
    ],
    ids=["write", "save", "checkpoint", "resume"],
)
def test_only_files_are_replaced(write, make, kind, linked, tmp_path):
    make(tmp_path / "special")
    path = tmp_path / "special"
    if linked:
        path = tmp_path / "link"
        path.symlink_to("special")
    before = (tmp_path / "special").lstat()
    with pytest.raises(OSError, match=kind) as caught:
        write(path)
    assert caught.value.filename == str(path)
    assert os.path.samestat((tmp_path / "special").lstat(), before)
    assert len(list(tmp_path.iterdir())) == 1 + linked


@posix
def test_a_private_file_is_private_from_the_first_byte(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    modes, write = [], os.write

    def watched(descriptor, data):
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", watched)
    write_atomically(path, b"new")
    assert modes == [0o600]


@posix
def test_bytes_that_go_a_few_at_a_time(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    write_atomically(tmp_path / "file", b"ten bytes!")
    assert (tmp_path / "file").read_bytes() == b"ten bytes!"


@posix
def test_the_owner_stays_if_we_may(private_folder, request):
    """Else a group that is another gets no more than everybody."""
    if os.geteuid():
        pytest.skip("only root may give a file to another user")
    path = private_folder / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 4321)
    path.chmod(0o664)
    write_atomically(path, b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 4321, 0o664)
    private_folder.chmod(0o777)
    request.getfixturevalue("ordinary_user")
    write_atomically(path, b"newer")
    status = path.stat()
    assert status.st_uid == os.geteuid()
    assert status.st_mode & 0o7777 == 0o644
