"""Where compiled code is kept: a file for each entry and signature, in the user's own folder.

Numba's own cache keeps an index and data files, both pickles, and loads what it finds. An index cut
by a full disk, a flipped bit or a file of somebody else then stops the program, crashes it or runs
planted code. Here an entry is one file, written beside its place and renamed into it. It begins
with the digest of its name and content, which is compared before anything is unpickled; the name
says for which function, signature and processor the code is. What does not fit is compiled again
and replaced.

The folder's name carries a digest of all kernel sources: the code of an entry holds that of the
kernels in other files.

What an installed package brings along is looked up after the user's own folder (`shipped`).

Only what the user wrote is loaded (see SECURITY.md). The folder is opened, the open folder's owner
and mode are looked at, and files are named relative to it: whoever may rename its parents cannot
put another folder in its place after the look. Windows keeps users apart by the permissions that
a folder inherits; nothing is looked at there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import platform
import re
import shutil
import stat
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numba import config

from . import shipped
from .internals import VERSIONS, FunctionCache, dumps

_DIGEST_BYTES = hashlib.sha256().digest_size
_FOLDER_NAME = re.compile(r"nnlib-[0-9a-f]{16}")
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_HAS_OWNERS = sys.platform != "win32"
_DAY = 24 * 3600.0
# Folders of other sources go when nobody has used them for so long.
_UNUSED = 30 * _DAY


def sources(folder: Path) -> Iterator[Path]:
    """The kernel sources that are shipped: modules, not what editors and programs leave there."""
    for path in sorted(folder.rglob("*.py")):
        *folders, _ = path.relative_to(folder).parts
        if path.stem.isidentifier() and all(
            name.isidentifier() and name != "__pycache__" for name in folders
        ):
            yield path


def sources_digest() -> str:
    """Digest of all kernel sources and of what else decides the machine code."""
    major, minor, _ = platform.python_version_tuple()
    digest = hashlib.sha256(f"{VERSIONS} Python {major}.{minor}".encode())
    folder = Path(__file__).parents[1]
    for path in sources(folder):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class RefusedError(PermissionError):
    """A folder that somebody else may write to."""


def _check_owner(status: os.stat_result, path: Path) -> None:
    """Raise RefusedError if the folder is another user's, or others may write to it."""
    if not _HAS_OWNERS:
        return
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_uid != os.geteuid():
        raise RefusedError(
            f"{path} ({mode}) belongs to user {status.st_uid}, and you are user {os.geteuid()}"
        )
    if status.st_mode & _OTHERS_MAY_WRITE:
        raise RefusedError(f"{path} (yours, {mode}) may be written to by others")


class Folder:
    """A folder whose files only this user wrote. Its methods raise OSError where they cannot work.

    Who owns a file in it is not looked at: only the folder's owner could put it there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_swept = False

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int | None]:
        """The folder's descriptor, which still means the folder looked at when it is renamed."""
        if not _HAS_OWNERS:
            yield None
            return
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _check_owner(os.fstat(folder), self.path)
            yield folder
        finally:
            os.close(folder)

    def _place(self, name: str) -> str:
        return name if _HAS_OWNERS else str(self.path / name)

    def create(self) -> None:
        """Make the folder for its user alone; OSError if it cannot be written to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        with self._opened() as folder:
            # This also renews the folder's time, by which unused folders are swept.
            os.unlink(self._temporary(b"", folder), dir_fd=folder)

    def _temporary(self, content: bytes, folder: int | None) -> str:
        """A new file with the content; nothing if it cannot be written whole."""
        path = self._place(f"{uuid.uuid4().hex}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o600, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(path, dir_fd=folder)
            raise
        return path

    def read(self, name: str) -> bytes | None:
        """What `write` was given under this name; None if a bit of it is another."""
        with self._opened() as folder:
            flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
            with open(os.open(self._place(name), flags, dir_fd=folder), "rb") as file:
                digest, content = file.read(_DIGEST_BYTES), file.read()
        return content if digest == _checksum(name, content) else None

    def write(self, name: str, content: bytes) -> None:
        """Keep the content under this name, whole or not at all."""
        self.create()  # it may have been deleted meanwhile
        with self._opened() as folder:
            temporary = self._temporary(_checksum(name, content) + content, folder)
            try:
                os.replace(temporary, self._place(name), src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
        if not self._is_swept:
            self._is_swept = True
            self.sweep()

    def remove(self, prefix: str) -> None:
        """Delete the files whose names begin so."""
        with self._opened() as folder:
            for name in os.listdir(self.path if folder is None else folder):
                if name.startswith(prefix):
                    os.unlink(self._place(name), dir_fd=folder)

    def sweep(self) -> None:
        """Delete what nobody uses: folders of other sources, and what killed processes left.

        Another process may sweep at the same time, or use what is swept: it compiles again.
        """
        now = time.time()
        with contextlib.suppress(OSError):
            for path in self.path.parent.iterdir():
                if path != self.path and _is_old_folder(path, now):
                    shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            for path in self.path.glob("*.tmp"):
                if now - path.stat().st_mtime > _DAY:
                    path.unlink()


def _checksum(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def _is_old_folder(path: Path, now: float) -> bool:
    """Whether it is a folder of compiled kernels, this user's, and unused for 30 days."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return (
        _FOLDER_NAME.fullmatch(path.name) is not None
        and stat.S_ISDIR(status.st_mode)
        and (not _HAS_OWNERS or status.st_uid == os.geteuid())
        and now - status.st_mtime > _UNUSED
    )


def _user_cache_folder() -> Path:
    """The user's own cache folder, as the platform names it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _places() -> list[Path]:
    """Where a cache folder may lie, in the order in which places are tried."""
    if config.CACHE_DIR:
        return [Path(config.CACHE_DIR)]
    return [Path(__file__).parents[1] / "__pycache__", _user_cache_folder() / "nnlib"]


def cache_folder() -> Folder | None:
    """First folder for compiled kernels that is writable and the user's own, None without one.

    In this order: ``NUMBA_CACHE_DIR``, ``__pycache__`` beside the kernels, the user's cache folder.
    If there is none because somebody else may write there, a warning says so.
    """
    try:
        name = f"nnlib-{sources_digest()}"
        folders = [Folder(place / name) for place in _places()]
    except (OSError, RuntimeError):  # sources inside an archive, or no home folder
        return None
    refused = None
    for folder in folders:
        try:
            folder.create()
        except RefusedError as error:
            refused = refused or error
        except OSError:
            continue
        else:
            return folder
    if refused:
        warnings.warn(
            f"compiled kernels are not kept, since whoever can write to their folder can run code "
            f"as you: {refused}. Delete it, or set NUMBA_CACHE_DIR to a folder of your own",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


FOLDER = cache_folder()


class _PackageFolder(Folder):
    """A folder of the installed package: who owns it is not looked at, as for the sources."""

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int | None]:
        if not _HAS_OWNERS:
            yield None
            return
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield folder
        finally:
            os.close(folder)


class _Shipped:
    """The package's machine code for this processor."""

    def __init__(self, path: Path, level: str) -> None:
        self.folder, self._level = _PackageFolder(path), level

    def of(self, triple: str) -> shipped.Level:
        """What stands for a code generator where a file's name is made."""
        return shipped.Level(self._level, triple)


def _shipped() -> _Shipped | None:
    """What the installed package has for this processor, if anything."""
    if not shipped.FOLDER.is_dir():  # as in most of them: the sources need not be read for it
        return None
    try:
        found = shipped.shipped_folder(sources_digest())
    except OSError:
        return None
    return _Shipped(*found) if found else None


SHIPPED = _shipped()


class KeptCode:
    """What a dispatcher asks for code from another process: before one of Numba's cache classes.

    Numba's class says how to reduce compiled code to a pickle and how to load it; here is where
    the pickle lies. No error of a disk or of a file reaches the caller, who would have to compile
    anyway.
    """

    _impl_class: Any
    _index_key: Any

    def __init__(self, function: Any, folder: Folder | None) -> None:
        self._name, self._py_func = repr(function), function
        self._folder, self._cache_path = folder, str(folder.path if folder else "")
        # A source that was generated has a digest in the place of its file's name.
        self._source = os.path.basename(function.__code__.co_filename)
        name = f"{function.__module__}.{function.__qualname__}"[-80:]
        self._prefix = re.sub(r"[^\w.]", "", name) + "-"
        self._enabled = True

    def _file(self, signature: Any, codegen: Any) -> str:
        """The name of the file: for what function, signature and processor."""
        what = self._py_func.__code__.co_firstlineno, self._index_key(signature, codegen)
        digest = hashlib.sha256(f"{self._prefix}{self._source}{what!r}".encode())
        return f"{self._prefix}{digest.hexdigest()[:32]}.code"

    def _load_overload(self, signature: Any, target_context: Any) -> Any:
        codegen = target_context.codegen()
        content = self._content(self._folder, self._file(signature, codegen))
        if content is None and SHIPPED is not None:
            triple = codegen.magic_tuple()[0]
            content = self._content(SHIPPED.folder, self._file(signature, SHIPPED.of(triple)))
        if content is None:
            return None
        try:
            return self._impl_class.rebuild(None, target_context, pickle.loads(content))
        except Exception:
            # Whole, but of another NumPy, for example, whose classes lie elsewhere.
            return None

    @staticmethod
    def _content(folder: Folder | None, name: str) -> bytes | None:
        """What lies in the folder under this name, if it is whole."""
        if folder is None:
            return None
        try:
            return folder.read(name)
        except OSError:
            return None

    def _save_overload(self, signature: Any, data: Any) -> None:
        if self._folder is None or not self._may_keep(data):
            return
        content = dumps(self._impl_class.reduce(None, data))
        with contextlib.suppress(OSError):
            self._folder.write(self._file(signature, data.codegen), content)

    def _may_keep(self, data: Any) -> bool:
        return True

    def flush(self) -> None:
        """Forget the function's code."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.remove(self._prefix)


class KeptEntry(KeptCode, FunctionCache):
    """The code of the CPU's entries."""

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The code for this signature; None if it has to be compiled.

        Numba's own method first has the context learn how all functions that Numba knows are
        compiled. That took 0.15 of the 0.55 s of a first descent whose code was on the disk, and
        machine code has no use for it. What is compiled learns it before.
        """
        return self._load_overload(signature, target_context)

    def _may_keep(self, data: Any) -> bool:
        # Addresses of this process mean nothing in another.
        return not data.library.has_dynamic_globals
