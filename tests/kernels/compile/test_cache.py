"""The cache of compiled code: whatever happens to it, the results are right."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numba import config

from nnlib.kernels.compile import cache, jit

HAS_OWNERS = sys.platform != "win32"
needs_owners = pytest.mark.skipif(not HAS_OWNERS, reason="Windows has other permissions")
DAY = 24 * 3600


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder, which entries decorated from now on use."""
    made = cache.Folder(tmp_path / "nnlib-0123456789abcdef")
    made.create()
    monkeypatch.setattr(cache, "FOLDER", made)
    return made


def double(values):
    for i in range(values.size):
        values[i] *= 2


def is_kept():
    """Whether a process that decorates `double` now finds its code; the result must be right."""
    entry, values = jit.entry(double), np.arange(5.0)
    entry(values)
    np.testing.assert_array_equal(values, 2 * np.arange(5.0))
    return sum(entry.stats.cache_hits.values()) == 1


def only_file(folder):
    (path,) = folder.path.iterdir()
    return path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def cut(size):
    return lambda content: content[:size]


def flipped(position):
    def flip(content):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        return bytes(changed)

    return flip


DAMAGES = {
    "empty": cut(0), "one byte": cut(1), "half a checksum": cut(16), "checksum alone": cut(32),
    "half": lambda content: content[: len(content) // 2], "a byte short": cut(-1),
    "longer": lambda content: content + b"\0", "bit of the checksum": flipped(5),
    "bit of the pickle": flipped(40), "bit of the code": flipped(-2000),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_compiled_again_and_replaced(damage, folder):
    assert not is_kept()
    path = only_file(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert not is_kept()
    assert only_file(folder) == path
    assert is_kept()


def test_no_cut_and_no_flipped_bit_is_read(folder):
    content = bytes(range(256))
    folder.write("name", content)
    assert folder.read("name") == content
    path = only_file(folder)
    whole = path.read_bytes()
    for position in range(len(whole)):
        for damage in (cut(position), flipped(position)):
            path.write_bytes(damage(whole))
            assert folder.read("name") is None
    path.write_bytes(whole)
    path.rename(folder.path / "another")
    assert folder.read("another") is None


def test_a_deleted_folder_is_made_again(folder):
    assert not is_kept()
    shutil.rmtree(folder.path)
    assert not is_kept()
    assert is_kept()


def test_code_of_another_function_or_dtype_is_not_taken(folder):
    assert not is_kept()
    entry = jit.entry(double)
    entry(np.ones(3, np.float32))
    assert not entry.stats.cache_hits
    assert len(list(folder.path.iterdir())) == 2
    assert is_kept()


def test_forgotten_code_is_compiled_again(folder):
    assert not is_kept()
    jit.entry(double)._cache.flush()
    assert not list(folder.path.iterdir())
    assert not is_kept()


@pytest.mark.parametrize("step", ["open", "write", "replace"])
def test_a_full_disk_leaves_no_entry_and_no_error(step, folder, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    class FullFile:
        def __init__(self, descriptor, mode):
            self.descriptor = descriptor

        def __enter__(self):
            return self

        def __exit__(self, *error):
            os.close(self.descriptor)

        write = staticmethod(fail)

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(cache, "open", FullFile, raising=False)
        else:
            patch.setattr(os, step, fail)
        assert not is_kept()
    assert not list(folder.path.iterdir())
    assert not is_kept()
    assert is_kept()


class Planted:
    """A pickle that leaves a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def plant(folder):
    """Put such a pickle in the place of `double`'s code, with the right checksum."""
    assert not is_kept()
    ran = folder.path.parent / "ran"
    folder.write(only_file(folder).name, pickle.dumps(Planted(ran)))
    return ran


def open_to_others(folder, monkeypatch):
    folder.path.chmod(0o777)


def open_to_the_group(folder, monkeypatch):
    folder.path.chmod(0o770)


def of_another_user(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: folder.path.stat().st_uid + 1)


def another_ones_link(folder, monkeypatch):
    real = folder.path.rename(folder.path.with_name("elsewhere"))
    folder.path.symlink_to(real)


NOT_OURS = [open_to_others, open_to_the_group, of_another_user]


@needs_owners
@pytest.mark.parametrize("change", [*NOT_OURS, another_ones_link])
def test_planted_code_does_not_run(change, folder, monkeypatch):
    ran = plant(folder)
    before = only_file(folder).read_bytes()
    change(folder, monkeypatch)
    assert not is_kept()
    assert not ran.exists()
    assert only_file(folder).read_bytes() == before, "nothing is written there either"


def test_planted_code_without_its_checksum_does_not_run(folder):
    ran = plant(folder)
    only_file(folder).write_bytes(bytes(32) + pickle.dumps(Planted(ran)))
    assert not is_kept()
    assert not ran.exists()


def unknown():
    raise AttributeError("a class that another version of a package had")


class Outdated:
    """A pickle that cannot be loaded."""

    def __reduce__(self):
        return unknown, ()


def test_an_entry_that_cannot_be_loaded_is_compiled_again_and_replaced(folder):
    assert not is_kept()
    folder.write(only_file(folder).name, pickle.dumps(Outdated()))
    assert not is_kept()
    assert is_kept()


@needs_owners
def test_the_folder_and_its_files_are_the_users_alone(folder):
    assert not is_kept()
    assert (mode(folder.path), mode(only_file(folder))) == (0o700, 0o600)


@needs_owners
@pytest.mark.parametrize("change", NOT_OURS)
def test_a_named_folder_of_others_is_refused_with_a_warning(change, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    folder = cache.cache_folder()
    assert folder.path.parent == tmp_path
    change(folder, monkeypatch)
    with pytest.warns(RuntimeWarning, match=r"NUMBA_CACHE_DIR") as caught:
        assert cache.cache_folder() is None
    assert len(caught) == 1
    assert str(folder.path) in str(caught[0].message)
    assert f"{mode(folder.path):04o}" in str(caught[0].message)


@needs_owners
def test_our_own_folder_in_a_folder_for_all_is_used(tmp_path, monkeypatch):
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert mode(cache.cache_folder().path) == 0o700


@needs_owners
def test_the_next_place_is_taken_silently(tmp_path, monkeypatch):
    places = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(cache, "_places", lambda: places)
    first = cache.cache_folder().path
    assert first.parent == places[0]
    first.chmod(0o777)
    assert cache.cache_folder().path.parent == places[1]


def test_folders_of_other_sources_go_when_unused_for_30_days(folder):
    parent = folder.path.parent
    old, young = parent / "nnlib-00000000000000aa", parent / "nnlib-00000000000000bb"
    others = [parent / "nnlib-notes", parent / "numba-00000000000000aa"]
    for path in (old, young, *others):
        path.mkdir()
        (path / "file").touch()
    a_file = parent / "nnlib-00000000000000cc"
    a_file.touch()
    for path in (old, *others, a_file, folder.path):
        os.utime(path, (time.time() - 31 * DAY,) * 2)
    os.utime(young, (time.time() - 29 * DAY,) * 2)
    folder.write("name", b"content")
    assert not old.exists()
    assert all(path.exists() for path in (young, *others, a_file))
    assert folder.read("name") == b"content"


def test_use_renews_a_folder(folder):
    os.utime(folder.path, (time.time() - 31 * DAY,) * 2)
    folder.create()  # what every process does
    assert time.time() - folder.path.stat().st_mtime < DAY


def test_what_killed_processes_left_is_swept(folder):
    old, young = folder.path / "a.tmp", folder.path / "b.tmp"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 2 * DAY,) * 2)
    folder.write("name", b"content")
    assert not old.exists()
    assert young.exists()


def test_only_shipped_sources_are_digested(tmp_path):
    shipped = ["cuda/jit.py", "jit.py"]
    left = [
        "__pycache__/nnlib-0/unrolled_1.py",
        ".#jit.py",
        "jit copy.py",
        ".jit/jit.py",
        "jit.pyc",
    ]
    for name in shipped + left:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in cache.sources(tmp_path)]
    assert found == shipped


# How many functions a process compiles, instead of taking their code from the cache.
COUNT = """
import sys
import nnlib
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    net = nnlib.Network([1, 2, 1], "sigmoid", seed=0)
    net.descent([0.0, 1.0], [0.0, 1.0], epochs=2, compile="compile" in sys.argv)
print(len(recorder.buffer))
"""


def test_a_network_written_out_leaves_the_cache_to_the_others():
    def compilations(*arguments):
        command = [sys.executable, "-c", COUNT, *arguments]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    compilations()
    compilations("compile")
    assert (compilations(), compilations("compile")) == (0, 0)


WARM = """
import sys
import nnlib
net = nnlib.Network([1, 2, 1], "sigmoid", seed=1)
print(net.descent([0, 0.5, 1], [0.2, 0.8, 0.2], epochs=3).J)
print("numba.np.arrayobj" in sys.modules)
"""


def test_code_from_the_disk_needs_nothing_of_numbas_compiler(tmp_path):
    """Neither its registries nor how it compiles arrays; the numbers are the same."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    cold, warm = (
        subprocess.run(
            [sys.executable, "-c", WARM], env=environment, text=True, capture_output=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    )  # fmt: skip
    assert cold == [warm[0], "True"]
    assert warm[1] == "False"
