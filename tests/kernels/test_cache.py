"""Compiled kernels on disk: a damaged, planted or missing file costs a compilation and no more."""

from __future__ import annotations

import errno
import gc
import os
import signal
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nnlib.kernels import cache, jit, unrolled
from nnlib.kernels.compilation import interrupt_deferred

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has other rights to files")


def total(values):
    result = 0.0
    for value in values:
        result += value
    return result


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of its own."""
    place = tmp_path / "nnlib-0123456789abcdef"
    place.mkdir(mode=0o700)
    monkeypatch.setattr(cache, "CACHE_FOLDER", str(place))
    return place


def run():
    """Call `total` as a fresh process would; returns whether its code came from the disk."""
    entry = jit.entry(total)
    assert entry(np.arange(4.0)) == 6
    hits, misses = (sum(count.values()) for count in entry.stats[1:3])
    assert hits + misses == 1
    return hits == 1


def entry_file(folder):
    """The only entry."""
    (path,) = folder.rglob("*.nbc")
    return path


def test_code_is_found_again(folder):
    assert not run()
    assert run()


def test_files_and_folders_are_for_their_owner_alone(folder):
    run()
    assert [path for path in folder.rglob("*") if path.suffix not in (".nbc", "")] == []
    if os.name == "posix":
        assert stat.S_IMODE(entry_file(folder).stat().st_mode) == 0o600


def damages(content):
    """The file's content, spoilt in many ways."""
    rng = np.random.default_rng(0)
    for length in (0, 1, 10, 40, 47, 100, len(content) // 2, len(content) - 1):
        yield content[:length]
    for place in (0, 20, 60, *rng.integers(len(content), size=30)):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        yield bytes(changed)
    yield b"\x80\x04K\x01."  # a pickle
    yield content + b"\0"


def test_a_damaged_file_is_compiled_again_and_replaced(folder):
    run()
    path = entry_file(folder)
    for content in damages(path.read_bytes()):
        path.write_bytes(content)
        assert not run()
        assert run(), "the damaged file was not replaced"


class Planted:
    """What runs when it is unpickled."""

    ran = False

    def __reduce__(self):
        return setattr, (Planted, "ran", True)


def test_nothing_is_unpickled_before_its_checksum_agrees(folder):
    run()
    path = entry_file(folder)
    content = path.read_bytes()
    start = len(cache._FORMAT) + cache._CHECKSUM_BYTES
    path.write_bytes(content[:start] + cache.dumps(Planted()))
    assert not run()
    assert not Planted.ran


def test_the_file_of_another_signature_is_not_taken_for_this_one(folder):
    run()
    path = entry_file(folder)
    content = path.read_bytes()
    assert jit.entry(total)(np.arange(4, dtype=np.float32)) == 6
    (other,) = set(folder.rglob("*.nbc")) - {path}
    other.write_bytes(content)
    entry = jit.entry(total)
    assert entry(np.arange(4, dtype=np.float32)) == 6
    assert sum(entry.stats.cache_hits.values()) == 0


def test_content_that_numba_refuses_is_compiled_again(folder, monkeypatch):
    run()

    def refuse(*arguments):
        raise AttributeError("of another version")

    monkeypatch.setattr("numba.core.compiler.CompileResult._rebuild", refuse)
    assert not run()


@posix
def test_a_file_that_others_may_write_to_is_not_read(folder):
    run()
    entry_file(folder).chmod(0o666)
    assert not run()
    assert run(), "it was not replaced by a file of our own"


@posix
def test_a_file_of_another_owner_is_not_read(folder, monkeypatch):
    run()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not run()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_a_disk_that_cannot_be_written_costs_a_compilation(folder, monkeypatch, code):
    def fail(*arguments, **named):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fail)
        assert not run()
        assert list(folder.rglob("*.tmp")) == []
        broken.setattr(os, "open", fail)
        assert not run()
    assert list(folder.rglob("*.nbc")) == []
    assert not run()
    assert run()


def test_a_folder_that_is_deleted_meanwhile_comes_back(folder):
    entry = jit.entry(total)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir()
    folder.rmdir()
    assert entry(np.arange(4.0)) == 6
    assert run()


def test_no_folder_and_none_that_can_be_made_cost_a_compilation(folder, monkeypatch):
    monkeypatch.setattr(cache, "CACHE_FOLDER", str(folder / "file" / "cache"))
    (folder / "file").touch()
    assert not run_without_cache()
    monkeypatch.setattr(cache, "CACHE_FOLDER", None)
    assert not run_without_cache()


def run_without_cache():
    entry = jit.entry(total)
    assert entry(np.arange(4.0)) == 6
    return sum(entry.stats.cache_hits.values())


def test_the_written_out_source_is_verified(folder, monkeypatch):
    monkeypatch.setattr(unrolled, "CACHE_FOLDER", str(folder))
    path = Path(unrolled._file("a = 1\n"))
    path.write_text("a = 3\n", encoding="utf-8")
    assert unrolled._file("a = 1\n") == str(path)
    assert path.read_text(encoding="utf-8") == "a = 1\n"
    monkeypatch.setattr(unrolled, "write_whole", lambda path, data: False)
    path.unlink()
    assert unrolled._file("a = 1\n") == "<unrolled network>"


# Folders.


@pytest.fixture
def place(tmp_path, monkeypatch):
    """NUMBA_CACHE_DIR."""
    monkeypatch.setattr(cache.config, "CACHE_DIR", str(tmp_path / "place"))
    return tmp_path / "place"


def test_a_folder_is_made_for_its_owner_alone(place):
    found = Path(cache.cache_folder())
    assert found.parent == place
    assert found.name == f"nnlib-{cache.sources_digest()}"
    if os.name == "posix":
        assert stat.S_IMODE(found.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o702, 0o720, 0o777])
def test_a_folder_that_others_may_write_to_is_refused_with_one_warning(place, mode):
    made = Path(cache.cache_folder())
    made.chmod(mode)
    with pytest.warns(RuntimeWarning, match=rf"NUMBA_CACHE_DIR=.* has mode {mode:o}") as warned:
        assert cache.cache_folder() is None
    assert len(warned) == 1


@posix
def test_a_folder_of_another_owner_is_refused(place, monkeypatch):
    cache.cache_folder()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.warns(RuntimeWarning, match="belongs to user"):
        assert cache.cache_folder() is None


@posix
def test_a_link_in_place_of_the_folder_is_refused(place, tmp_path):
    made = Path(cache.cache_folder())
    made.rename(tmp_path / "elsewhere")
    made.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(RuntimeWarning, match="is a link"):
        assert cache.cache_folder() is None


@posix
def test_a_folder_that_others_could_replace_is_refused(place):
    place.mkdir()
    place.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="has mode 777"):
        assert cache.cache_folder() is None
    place.chmod(0o1777)  # the sticky bit, as /tmp has it
    assert Path(cache.cache_folder()).parent == place


@posix
def test_the_group_counts_unless_it_is_the_users_alone(place, monkeypatch):
    place.mkdir()
    place.chmod(0o770)
    monkeypatch.setattr(cache, "_is_private", lambda group: True)
    assert cache.cache_folder() is not None
    monkeypatch.setattr(cache, "_is_private", lambda group: False)
    with pytest.warns(RuntimeWarning, match="has mode 770"):
        assert cache.cache_folder() is None


def test_the_next_folder_is_taken_silently_where_none_was_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cache.config, "CACHE_DIR", "")
    monkeypatch.setattr(cache, "_user_cache_folder", lambda: tmp_path / "own")
    monkeypatch.setattr(
        cache, "untrusted", lambda folder: None if "own" in folder.parts else "it is theirs"
    )
    assert Path(cache.cache_folder()).parent == tmp_path / "own" / "nnlib"


def test_old_folders_are_swept_when_a_new_one_is_made(place):
    names = {"nnlib-" + 16 * "a": 31, "nnlib-" + 16 * "b": 29, "nnlib-mine": 90, "numba": 90}
    for name, days in names.items():
        (place / name / "kernels").mkdir(parents=True, mode=0o700)
        (place / name).chmod(0o700)
        then = time.time() - days * 86_400
        os.utime(place / name, (then, then))
    made = Path(cache.cache_folder())
    left = {path.name for path in place.iterdir()}
    assert left == {"nnlib-" + 16 * "b", "nnlib-mine", "numba", made.name}


def test_a_start_leaves_a_time_stamp(place):
    made = Path(cache.cache_folder())
    os.utime(made, (0, 0))
    cache.cache_folder()
    assert time.time() - made.stat().st_mtime < 3600


def test_the_digest_covers_what_is_shipped_and_nothing_else(tmp_path, monkeypatch):
    kernels = tmp_path / "kernels"
    (kernels / "cuda").mkdir(parents=True)
    for name in ("__init__.py", "dense.py", "cache.py", "cuda/__init__.py", "cuda/dense.py"):
        (kernels / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(cache, "__file__", str(kernels / "cache.py"))
    before = cache.sources_digest()
    generated = kernels / "__pycache__" / "nnlib-0123456789abcdef"
    generated.mkdir(parents=True)
    for path in (generated / "unrolled_1.py", generated / "__init__.py", kernels / "notes.txt"):
        path.write_text("anything", encoding="utf-8")
    assert cache.sources_digest() == before
    for name in ("dense.py", "cuda/dense.py"):
        (kernels / name).write_text("edited", encoding="utf-8")
        assert cache.sources_digest() != before
        before = cache.sources_digest()


# Interrupts.


def test_an_interrupt_waits_until_the_function_is_compiled(folder, monkeypatch):
    entry = jit.entry(total)
    compile = entry._compiler.compile

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # Python looks at signals between two of its instructions
        os.kill(os.getpid(), signal.SIGINT)
        return compile(*arguments)

    monkeypatch.setattr(entry._compiler, "compile", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        entry(np.arange(4.0))
    assert signal.getsignal(signal.SIGINT) is before
    assert len(entry.signatures) == 1, "nothing was compiled"
    monkeypatch.setattr(entry._compiler, "compile", lambda *arguments: pytest.fail("again"))
    assert entry(np.arange(4.0)) == 6
    assert run(), "the compiled code was not kept"


def test_an_error_of_the_block_is_not_lost():
    with pytest.raises(ZeroDivisionError), interrupt_deferred():
        raise ZeroDivisionError


def test_a_thread_other_than_the_main_one_leaves_the_handler_alone():
    seen = []

    def look():
        with interrupt_deferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


def test_the_collector_is_as_it_was_after_a_compilation(folder):
    assert gc.isenabled()
    run()
    assert gc.isenabled()
    gc.disable()
    try:
        run()
        assert not gc.isenabled()
    finally:
        gc.enable()
