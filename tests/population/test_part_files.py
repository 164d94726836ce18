"""A population in a folder: it survives its driver, and is not taken for another one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nnlib
from nnlib.cluster import schedule
from nnlib.files.arrays import read_arrays, write_arrays
from nnlib.population import engine
from tests.cluster.jobs import EXERCISE, X, Y, assert_same_bits

pytestmark = pytest.mark.cpu("parts")

MINI_BATCHES = {"n": 400, "epochs": 200, "batch_size": 7, "optimizer": "adam"}
DRIVER = """
import sys
import nnlib
from nnlib.cluster import schedule
from tests.cluster.jobs import X, Y
from tests.population.test_part_files import MINI_BATCHES
schedule.PART_SECONDS = 0.1
nnlib.set_threads(1)
nnlib.train_many([1, 3, 1], X, Y, checkpoint=sys.argv[1], **MINI_BATCHES)
"""


def parts(folder):
    """The files of the parts, by name, with the times at which they were written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*.safetensors")}


def train(folder, **options):
    """The exercise's population in a folder."""
    return nnlib.train_many([1, 2, 1], X, Y, checkpoint=folder, **{**EXERCISE, **options})


@pytest.fixture
def trained(monkeypatch):
    """How many members the engine has been given."""
    sizes = []
    own = engine.train

    def remember(work):
        sizes.append(work.size)
        own(work)

    monkeypatch.setattr(engine, "train", remember)
    return sizes


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_driver_that_is_killed(tmp_path, trained):
    folder = tmp_path / "population"
    with subprocess.Popen([sys.executable, "-c", DRIVER, str(folder)]) as driver:
        until = time.monotonic() + 120
        while len(parts(folder)) < 3 and time.monotonic() < until:
            time.sleep(0.005)
        driver.send_signal(signal.SIGKILL)
    before = parts(folder)
    assert len(before) >= 3
    resumed = nnlib.train_many([1, 3, 1], X, Y, checkpoint=folder, resume=True, **MINI_BATCHES)
    done = sum(int(name[15:24]) - int(name[5:14]) for name in before)
    assert 0 < sum(trained) == MINI_BATCHES["n"] - done
    assert before.items() <= parts(folder).items()
    assert_same_bits(resumed, nnlib.train_many([1, 3, 1], X, Y, **MINI_BATCHES))


def test_a_population_that_is_whole_trains_nothing(tmp_path, trained):
    first = train(tmp_path)
    assert sum(trained) == EXERCISE["n"]
    assert_same_bits(train(tmp_path, resume=True), first)
    assert sum(trained) == EXERCISE["n"]


def test_a_folder_that_is_missing_is_made(tmp_path):
    assert_same_bits(
        train(tmp_path / "new", resume=True), nnlib.train_many([1, 2, 1], X, Y, **EXERCISE)
    )
    with pytest.raises(OSError, match="checkpoint cannot be made"):
        train(tmp_path / "missing" / "new")


def test_without_resume_it_starts_afresh(tmp_path, trained):
    train(tmp_path, n=100)
    train(tmp_path)
    assert sum(trained) == 100 + EXERCISE["n"]
    numbers = sorted(name[5:24] for name in parts(tmp_path))
    assert numbers[-1].endswith(f"{EXERCISE['n']:09}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 101}, "epochs was 100, is 101"),
        ({"n": 301}, "members was 300, is 301"),
        ({"seeds": range(1, 301), "n": None}, "seeds or initializer differs"),
        ({"learning_rate": 0.2}, "learning_rate was .*0.2"),
        ({"grid": {"learning_rate": [0.2]}}, "grid differs"),
        ({"sample_weight": np.arange(60.0)}, "sample_weight differs"),
        ({"trace": 3}, "trace differs"),
        ({"dtype": "float32"}, "X differs"),
        ({"folds": 3}, "members was 300, is 900"),
    ],
)
def test_the_folder_of_another_population_is_refused(tmp_path, options, message, trained):
    train(tmp_path)
    trained.clear()
    with pytest.raises(ValueError, match=rf"is of another population: .*{message}"):
        train(tmp_path, resume=True, **options)
    assert not trained


def test_other_data_and_another_network_are_refused(tmp_path):
    train(tmp_path)
    options = {**EXERCISE, "checkpoint": tmp_path, "resume": True}
    with pytest.raises(ValueError, match=r"another population: y differs\. Give"):
        nnlib.train_many([1, 2, 1], X, Y / 2, **options)
    with pytest.raises(ValueError, match=r"another population: .*network differs"):
        nnlib.train_many([1, 3, 1], X, Y, **options)


def test_other_groups_of_the_same_rows_are_refused(tmp_path):
    # Sorted by group, the rows stand in the same order, and are as many members.
    train(tmp_path, n=None, groups=np.repeat([0, 1], [20, 40]))
    with pytest.raises(ValueError, match="another population: groups differs"):
        train(tmp_path, n=None, groups=np.repeat([0, 1], [30, 30]), resume=True)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    train(tmp_path)
    path = next(tmp_path.glob("part-*"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(nnlib.FormatError, match="damaged"):
        train(tmp_path, resume=True)
    path.write_bytes(content)
    arrays, metadata = read_arrays(path)
    for changed, told in [
        ({**arrays, "status": arrays["status"] * 0}, metadata),
        ({**arrays, "epochs": arrays["epochs"] + 1}, metadata),
        ({**arrays, "cost": arrays["cost"][:-1]}, metadata),
        (arrays, {**metadata, "recipe": "0"}),
    ]:
        write_arrays(path, changed, told)
        with pytest.raises(nnlib.FormatError, match=path.name):
            train(tmp_path, resume=True)
    path.write_bytes(content)
    (tmp_path / "recipe.safetensors").unlink()
    with pytest.raises(nnlib.FormatError, match="parts of a population and no recipe"):
        train(tmp_path, resume=True)


def test_a_folder_in_use_is_refused(tmp_path):
    def again(report):
        with pytest.raises(BlockingIOError, match="another descent"):
            train(tmp_path)
        return True

    train(tmp_path, callback=again, n=5000)


def test_an_interrupted_population_goes_on(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(schedule, "PART_SECONDS", 0.002)

    def press(report):
        if report.ended:
            raise KeyboardInterrupt

    some = train(tmp_path, callback=press)
    assert some.stopped == "interrupted"
    assert 0 < len(some) < EXERCISE["n"]
    whole = train(tmp_path, resume=True)
    assert sum(trained) == EXERCISE["n"]
    assert_same_bits(whole, nnlib.train_many([1, 2, 1], X, Y, **EXERCISE))
