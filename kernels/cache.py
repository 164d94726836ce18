"""Where compiled kernels are kept, and what is believed of them when they are read again.

An entry is a file for one function and one signature: a line that names the format, a SHA-256, and
Numba's pickle of the machine code. Whoever can write the file can run code here, and a damaged
file can end the process inside LLVM. So the folder belongs to the user alone, a file is written
whole or not at all, and nothing of it is unpickled before its checksum agrees. What does not fit is
compiled again, without a word: a cache may make the library faster, never stop it.

The folder's name carries a digest of all kernel sources. Numba compares only the source of the
file that holds the cached function, so without the digest an edit in one kernel file would leave
its callers in other files running the old code.
"""

from __future__ import annotations

import glob
import hashlib
import os
import pickle
import platform
import re
import secrets
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba import config
from numba.core.serialize import dumps

_FORMAT = b"nnlib kernel 1\n"
_CHECKSUM_BYTES = 32
# Folders of other versions that nobody has used for so long are deleted.
_UNUSED_SECONDS = 30 * 86_400
_NAME = re.compile(r"nnlib-[0-9a-f]{16}")


def sources() -> Iterator[Path]:
    """The kernel sources that are shipped: the modules of packages, no generated files."""
    root = Path(__file__).parent
    for folder in sorted({path.parent for path in root.rglob("__init__.py")}):
        if "__pycache__" not in folder.relative_to(root).parts:
            yield from sorted(folder.glob("*.py"))


def sources_digest() -> str:
    """Digest of all kernel sources and of what else decides the machine code."""
    digest = hashlib.sha256()
    versions = numba.__version__, llvmlite.__version__, platform.python_version()
    digest.update(" ".join(versions).encode())
    root = Path(__file__).parent
    for path in sources():
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _user_cache_folder() -> Path:
    """The user's own cache folder, as the platform names it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def cache_folder() -> str | None:
    """First folder for compiled kernels that can be written and trusted, or None.

    In this order: ``NUMBA_CACHE_DIR`` alone, if it is set; else ``__pycache__`` beside the kernels,
    the user's cache folder.

    Warns
    -----
    RuntimeWarning
        If others may write to ``NUMBA_CACHE_DIR``; kernels are then compiled anew in every process.
    """
    places = [Path(__file__).parent / "__pycache__"]
    try:
        places.append(_user_cache_folder() / "nnlib")
        if config.CACHE_DIR:
            places = [Path(config.CACHE_DIR).absolute()]
        name = f"nnlib-{sources_digest()}"
    except (OSError, RuntimeError):  # sources inside an archive, or no home folder
        return None
    for place in places:
        folder = place / name
        if not _is_writable(folder):
            continue
        danger = untrusted(folder)
        if danger is None:
            return str(folder)
        if config.CACHE_DIR:
            warnings.warn(
                f"compiled kernels are not kept in NUMBA_CACHE_DIR={str(place)!r}: {danger}, so "
                "others could plant code there. Name a folder of your own, or leave it out",
                RuntimeWarning,
                stacklevel=2,
            )
    return None


def _is_writable(folder: Path) -> bool:
    """Make the folder, for its owner alone, and write there: the time stamp says it is in use."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            sweep(folder.parent, folder.name)
        probe = folder / f".probe-{secrets.token_hex(8)}"
        probe.touch(mode=0o600, exist_ok=False)
        probe.unlink()
    except OSError:
        return False
    return True


def untrusted(folder: Path) -> str | None:
    """Why others could put files into the folder, or another folder in its place; None: they can't.

    The folder itself has to be the user's, with no right to write for anybody else. Above it, a
    folder may be root's too, and others may write where the sticky bit keeps them from replacing
    what is not theirs, as in ``/tmp``.
    """
    if os.name != "posix":
        return None
    try:
        if folder.is_symlink():
            return f"{folder} is a link"
        own = folder.stat()
        if own.st_uid != os.geteuid():
            return f"{folder} belongs to user {own.st_uid}"
        if own.st_mode & 0o022:
            return f"{folder} has mode {stat.S_IMODE(own.st_mode):o}"
        for parent in folder.resolve().parents:
            above = parent.stat()
            if above.st_uid not in (0, os.geteuid()):
                return f"{parent} belongs to user {above.st_uid}"
            if above.st_mode & stat.S_ISVTX:
                continue
            shared = above.st_mode & 0o020 and not _is_private(above.st_gid)
            if above.st_mode & 0o002 or shared:
                return f"{parent} has mode {stat.S_IMODE(above.st_mode):o}"
    except OSError as error:
        return str(error)
    return None


def _is_private(group: int) -> bool:
    """Whether a group is the user's own and has no other member, as many systems make one each."""
    import grp
    import pwd

    try:
        user, members = pwd.getpwuid(os.geteuid()), grp.getgrgid(group).gr_mem
    except KeyError:
        return False
    return group == user.pw_gid and set(members) <= {user.pw_name}


def sweep(place: Path, kept: str) -> None:
    """Delete the folders of other versions that nobody has used for 30 days.

    Whatever fails is left for the next time: another process may be sweeping too.
    """
    with suppress(OSError):
        for folder in place.iterdir():
            if folder.name == kept or not _NAME.fullmatch(folder.name):
                continue
            with suppress(OSError):
                status = folder.lstat()
                old = time.time() - status.st_mtime > _UNUSED_SECONDS
                if stat.S_ISDIR(status.st_mode) and old and not untrusted(folder):
                    shutil.rmtree(folder, ignore_errors=True)


CACHE_FOLDER = cache_folder()


def write_whole(path: Path, data: bytes) -> bool:
    """Write a file for the user alone, whole or not at all; returns whether that went well."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        return False
    return True


class Entries:
    """The files of one function, a file for each signature; takes the place of Numba's index.

    Parameters
    ----------
    folder : Path
        Where they lie.
    name : str
        What their names begin with.
    stamp : object
        Says which source they were made from.
    """

    def __init__(self, folder: Path, name: str, stamp: object) -> None:
        self._folder, self._name, self._stamp = folder, name, stamp

    def _path(self, key: Any) -> tuple[Path, bytes]:
        """The file of a key (signature, processor, bytecode), and the key's digest."""
        digest = hashlib.sha256(repr((self._stamp, key)).encode())
        return self._folder / f"{self._name}.{digest.hexdigest()[:16]}.nbc", digest.digest()

    def save(self, key: Any, data: Any) -> None:
        """Keep the data for the key, if it can be written."""
        path, digest = self._path(key)
        content = dumps(data)
        write_whole(path, _FORMAT + hashlib.sha256(digest + content).digest() + content)

    def load(self, key: Any) -> Any:
        """The data kept for the key; None if there is none, or no whole one of the user's own."""
        path, digest = self._path(key)
        try:
            with open(path, "rb") as file:
                if not _is_own(os.fstat(file.fileno())):
                    return None
                found = file.read()
        except OSError:
            return None
        start = len(_FORMAT) + _CHECKSUM_BYTES
        checksum, content = found[len(_FORMAT) : start], found[start:]
        if not found.startswith(_FORMAT) or checksum != hashlib.sha256(digest + content).digest():
            return None
        return pickle.loads(content)

    def flush(self) -> None:
        """Delete all entries of the function."""
        for path in self._folder.glob(f"{glob.escape(self._name)}.*.nbc"):
            with suppress(OSError):
                path.unlink()


def _is_own(status: os.stat_result) -> bool:
    """Whether a file is the user's, and nobody else may write to it."""
    if os.name != "posix":
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


class KernelCache:
    """Numba's cache of a function, with files of our own, and without errors.

    Numba writes its index with `pickle`, reads it before it looks at anything, and lets errors of
    the disk pass to whoever calls the function.
    """

    def __init__(self, numba_cache: Any) -> None:
        self._cache = numba_cache
        implementation = numba_cache._impl
        numba_cache._cache_file = Entries(
            Path(numba_cache.cache_path),
            implementation.filename_base,
            implementation.locator.get_source_stamp(),
        )

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._cache.cache_path)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function, or None: then Numba compiles it."""
        try:
            return self._cache.load_overload(signature, context)
        except Exception:
            # The bytes are those that were written, but not for this machine or this Numba.
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function, if it can be written."""
        with suppress(OSError):
            self._cache.save_overload(signature, result)

    def enable(self) -> None:
        """Use it."""
        self._cache.enable()

    def disable(self) -> None:
        """Use it no longer."""
        self._cache.disable()

    def flush(self) -> None:
        """Delete what is kept."""
        self._cache.flush()


def cached(decorate: Callable[[bool], Any]) -> Any:
    """A dispatcher of Numba that keeps its code in `CACHE_FOLDER`, or nowhere if that is not there.

    decorate makes the dispatcher, with Numba's cache or without.
    """
    if CACHE_FOLDER is None:
        return decorate(False)
    # Numba reads the folder from its configuration, once, when the function is decorated.
    before = config.CACHE_DIR
    config.CACHE_DIR = CACHE_FOLDER
    try:
        dispatcher = decorate(True)
    except (OSError, RuntimeError):  # the function is of no file
        return decorate(False)
    finally:
        config.CACHE_DIR = before
    if not Path(dispatcher._cache.cache_path).is_relative_to(CACHE_FOLDER):
        # The folder is gone; Numba has chosen another one, of which nothing is known.
        return decorate(False)
    dispatcher._cache = KernelCache(dispatcher._cache)
    return dispatcher
