"""Locks on files: which no two holders have at once, and which a dead process does not hold.

The operating system keeps them, `flock` or on Windows `LockFile`, and gives them up when the
process ends, however it ends. Two threads of one process exclude each other too.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import platform
import stat
import sys
import weakref
from contextlib import suppress
from pathlib import Path

from ..checks.values import PathLike

# Where no lock can be had, and nobody else has one either: file systems without locks, folders in
# which we may not create the lock file, or something else of its name.
_NO_LOCKS = {
    errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL,
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ELOOP, errno.ENXIO,
}  # fmt: skip
# Windows locks bytes, which then nobody else may read: one far behind the holder's name.
_LOCKED_BYTE = 2**30
_LONGEST_NAME = 200

_held: weakref.WeakSet[io.FileIO] = weakref.WeakSet()


class FileLock:
    """The right to write one file, for as long as its owner keeps it.

    It is a lock on a file of its own in the same folder, ``.nnlib-….lock``, which names its holder.
    `release` removes that file. A process that is killed leaves it there; it is no lock any more,
    and the next one takes it over. On a file system without locks, and in a folder where nothing
    may be created, all go on without.

    Parameters
    ----------
    path : str or PathLike
        Of the file to be written, which need not exist.

    Raises
    ------
    BlockingIOError
        If somebody else holds the lock; it names the path and, if known, the process.
    OSError
        If the folder is missing, and so on.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     lock = FileLock(f"{folder}/descent")
    ...     try:
    ...         FileLock(f"{folder}/descent")
    ...     except BlockingIOError as error:
    ...         print(f"process {os.getpid()}" in str(error))
    ...     lock.release()
    ...     FileLock(f"{folder}/descent").release()
    True
    """

    def __init__(self, path: PathLike) -> None:
        target = os.path.realpath(path)
        # By a digest, since the file's own name may leave no room for an ending.
        name = hashlib.sha256(os.path.basename(target).encode(errors="surrogatepass")).hexdigest()
        self._path = Path(os.path.dirname(target), f".nnlib-{name[:16]}.lock")
        self._file: io.FileIO | None = None
        try:
            self._file = self._acquire(path)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return
            if not isinstance(error, BlockingIOError):
                message = f"cannot write: {error.strerror}"
                raise OSError(error.errno, message, os.fspath(path)) from error
            raise

    def release(self) -> None:
        """Give up the lock, if it is still held, and remove its file."""
        file = self._file
        if file is None or file.closed:  # closed: a forked child has no part in it
            return
        if sys.platform == "win32":  # where an open file cannot be removed
            file.close()
        with suppress(OSError):
            self._path.unlink()
        file.close()
        self._file = None

    def _acquire(self, path: PathLike) -> io.FileIO:
        """The open lock file; the lock ends when it is closed."""
        while True:
            descriptor = os.open(self._path, own_file(os.O_RDWR | os.O_CREAT), 0o666)
            file = io.FileIO(descriptor, "r+")
            try:
                if not self._is_locked(file):
                    raise _busy(path, file)
                # Its last holder may have removed it meanwhile, and another have made a new one.
                if is_still_there(self._path, file.fileno()):
                    with suppress(OSError):  # the name is for the message alone
                        file.truncate()
                        file.write(f"process {os.getpid()} on {platform.node()}".encode())
                    _held.add(file)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()

    def _is_locked(self, file: io.FileIO) -> bool:
        """Lock the lock file; where there are no locks, nobody needs it."""
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        try:
            return try_lock(file.fileno())
        except OSError:
            with suppress(OSError):
                self._path.unlink()
            raise


def own_file(flags: int) -> int:
    """Flags of `os.open` for a file of our own: no link to another, no pipe to wait for, no text.

    Other programs that we start do not inherit it.
    """
    for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)  # each system has some of them
    return flags


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False if somebody else has it.

    Raises
    ------
    OSError
        If the file system knows no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_still_there(path: Path, descriptor: int) -> bool:
    """Whether the name still stands for the open file."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _busy(path: PathLike, file: io.FileIO) -> BlockingIOError:
    """The error that another descent writes this checkpoint, with what the holder wrote."""
    holder = ""
    with suppress(OSError):
        holder = file.read(_LONGEST_NAME).decode(errors="replace")
    message = (
        f"another descent writes this checkpoint: {holder or 'an unknown process'}; give each "
        "descent a file of its own"
    )
    return BlockingIOError(errno.EAGAIN, message, os.fspath(path))


def _close_inherited() -> None:
    """A forked child must not keep its parent's locks alive."""
    for file in list(_held):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)
