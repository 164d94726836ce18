"""Writing a file so that it holds the old content or the new one, whatever fails on the way."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from ..checks.values import PathLike
from .locks import is_still_there, own_file, try_lock

# An abandoned file of another host, or of a library that did not lock it, is as old as that.
_DAY = 24 * 3600.0


def write_atomically(path: PathLike, data: bytes) -> None:
    """Write a file so that `path` holds the old content or the new one, and never a part.

    The bytes go to a temporary file in the same folder, are forced to the disk, and the file is
    renamed to `path`; then the folder is forced to the disk too, where the file system can do that.
    That holds against a killed process and a power cut. A process killed on the way may leave the
    temporary file, ``.nnlib-….tmp``, which nothing reads; see `sweep`. If `path` is a link, the
    file that it points to is replaced. Permissions and, if we may, the owner of an old file are
    those of the new one, from the first byte on; a new file has those that `open` would give.

    Parameters
    ----------
    path : str or PathLike
        Of the file; its folder must exist.
    data : bytes
        The whole new content.

    Raises
    ------
    OSError
        If the disk is full, the folder missing or read-only, or `path` a folder, a device or
        anything else but a file; it names `path`. The old file is as it was and the temporary
        file is gone.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/notes", b"new")
    ...     Path(folder, "notes").read_bytes(), len(list(Path(folder).iterdir()))
    (b'new', 1)
    """
    target = Path(os.path.realpath(path))
    try:
        _replace(target, data, regular_file(target))
        _sync_folder(target.parent)
    except OSError as error:
        # The original names the temporary file.
        raise OSError(error.errno, f"cannot write: {error.strerror}", os.fspath(path)) from error


def regular_file(path: PathLike) -> os.stat_result | None:
    """The status of a regular file, None if there is nothing.

    Raises
    ------
    OSError
        If there is anything else: as administrator we could replace ``/dev/null``.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISREG(status.st_mode):
        return status
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise OSError(errno.EINVAL, f"it is {_kind(status)}, wanted a regular file", os.fspath(path))


def sweep(path: PathLike) -> None:
    """Remove the temporary files beside `path`, of processes that died while they wrote.

    A writer holds a lock on its temporary file, so one that is not locked is abandoned. Another
    host's locks may be unknown here, older libraries and some file systems have none: such a file
    has to be a day old. What cannot be removed stays.
    """
    folder = os.path.dirname(os.path.realpath(path))
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".nnlib-") and name.endswith(".tmp"):
                with suppress(OSError):
                    _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(path: Path) -> None:
    """Remove a temporary file unless somebody writes to it."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return
    descriptor = os.open(path, own_file(os.O_RDWR))
    try:
        # Under the lock, so that no writer can come between.
        abandoned = _is_abandoned(path, descriptor, time.time() - status.st_mtime)
        if abandoned and os.name == "posix":
            path.unlink()
    finally:
        os.close(descriptor)
    if abandoned and os.name == "nt":  # where only a file that nobody has open can be removed
        path.unlink()


def _is_abandoned(path: Path, descriptor: int, age: float) -> bool:
    """Whether no writer has it, by its lock or, where that says nothing, by its age."""
    try:
        unlocked = try_lock(descriptor)
    except OSError:
        return age >= _DAY
    return unlocked and (age >= _DAY or path.name.startswith(_prefix()))


def _prefix() -> str:
    """How the names of this host's temporary files begin."""
    return f".nnlib-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"


def _replace(target: Path, data: bytes, old: os.stat_result | None) -> None:
    """Write a temporary file and rename it; it is gone if anything fails."""
    # What an old file hides from others must not lie open in the new one.
    descriptor, temporary = _create(target.parent, 0o666 if old is None else 0o600)
    try:
        _write_all(descriptor, data)
        if old is not None and os.name == "posix":
            _keep_owner_and_mode(descriptor, old)
        os.fsync(descriptor)
        if os.name == "nt":  # where an open file cannot be renamed
            descriptor = _closed(descriptor)
        os.replace(temporary, target)
    except BaseException:
        descriptor = _closed(descriptor)
        _remove(temporary)
        raise
    _closed(descriptor)


def _create(folder: Path, mode: int) -> tuple[int, Path]:
    """A new temporary file, open and locked against `sweep`, and its path."""
    while True:
        # The file's own name may leave no room for an ending.
        path = folder / f"{_prefix()}{secrets.token_hex(8)}.tmp"
        descriptor = os.open(path, own_file(os.O_WRONLY | os.O_CREAT | os.O_EXCL), mode)
        try:
            # Between its making and its locking it looks abandoned.
            if _try_lock_if_possible(descriptor) and is_still_there(path, descriptor):
                return descriptor, path
        except BaseException:
            _closed(descriptor)
            _remove(path)
            raise
        _closed(descriptor)
        _remove(path)


def _try_lock_if_possible(descriptor: int) -> bool:
    """Whether nobody else has the lock; where there are none, `sweep` has none either."""
    try:
        return try_lock(descriptor)
    except OSError:
        return True


def _closed(descriptor: int) -> int:
    """Close a file whose content is on the disk already, or given up; returns −1, closed."""
    if descriptor >= 0:
        with suppress(OSError):
            os.close(descriptor)
    return -1


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _keep_owner_and_mode(descriptor: int, old: os.stat_result) -> None:
    """Owner, group and permissions of the old file, as far as we may and the file system can."""
    mode = stat.S_IMODE(old.st_mode)
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            with suppress(OSError):
                os.fchown(descriptor, -1, old.st_gid)
        if os.fstat(descriptor).st_gid != old.st_gid:
            # Our own group gets no more rights than everybody.
            mode = mode & ~0o2070 | (mode & 0o7) << 3
    with suppress(OSError):
        os.fchmod(descriptor, mode)


def _sync_folder(folder: Path) -> None:
    """Force a rename in the folder to the disk, if that can be had.

    Some file systems cannot do it, and some folders may be written and not read. The new file is in
    place whatever comes of this, so it is no failure (SQLite's rule).
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _kind(status: os.stat_result) -> str:
    """What else a path can be."""
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "no file")
