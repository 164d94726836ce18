"""A population on disk while it trains: a folder with a file for each part that has ended.

A driver that is killed loses the parts that run; the same call goes on with the others, bit for
bit. The folder's ``recipe.safetensors`` says what the population depends on, and each part has the
digest of that: the parts of another population are not taken for its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import PathLike
from ..errors import FormatError
from ..files.arrays import read_arrays, write_arrays
from ..files.locks import FileLock
from ..files.writing import sweep
from ..kernels.network import problem
from ..training.checkpoints import differences, digest, fingerprint
from .parts import Outcome, expected, keep
from .work import Work

Array = NDArray[Any]

_RECIPE, _PART = "recipe of a population", "part of a population"
_RECIPE_FILE = "recipe.safetensors"
_PART_FILE = re.compile(r"part-(\d+)-(\d+)\.safetensors")
_STATUSES = (
    problem.FINISHED, problem.DIVERGED, problem.NO_PROGRESS, problem.TARGET_REACHED,
)  # fmt: skip


class PartFiles:
    """The folder of one population.

    Parameters
    ----------
    folder : str or PathLike
        Made if it is missing; the folder around it must exist.
    work : Work
        Before its first epoch.

    Attributes
    ----------
    missing : list of range
        The members of which no part was found.
    """

    def __init__(self, folder: PathLike, work: Work) -> None:
        self._folder = Path(os.path.abspath(folder))
        self._work = work
        self._recipe = recipe_of(work)
        text = json.dumps(self._recipe, sort_keys=True)
        self._digest = hashlib.sha256(text.encode()).hexdigest()
        self._lock: FileLock | None = None
        self.missing = [range(work.size)]

    def begin(self, resume: bool) -> None:
        """Take the folder, find the parts in it, and write the recipe.

        The writing finds a folder that is read-only before any work. From here to `release` no
        other population may have the folder.

        Parameters
        ----------
        resume : bool
            Go on with the parts that are there; else they are removed.

        Raises
        ------
        FormatError
            If a file is damaged.
        ValueError
            If the folder is that of another population; the message says what differs.
        BlockingIOError
            If another population that trains now has the folder.
        OSError, ImportError
            As `files.arrays.write_arrays`.
        """
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            message = f"checkpoint cannot be made: {error.strerror}"
            raise OSError(error.errno, message, str(self._folder)) from error
        self._lock = FileLock(self._folder / _RECIPE_FILE)
        try:
            sweep(self._folder / _RECIPE_FILE)
            if resume:
                self._check_recipe()
                self._read_parts()
            else:
                for path, _ in self._parts():
                    path.unlink()
            recipe = self._folder / _RECIPE_FILE
            write_arrays(recipe, {}, {"kind": _RECIPE, **self._recipe})
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Leave the folder to others."""
        if self._lock is not None:
            self._lock.release()

    def write(self, part: range, outcome: Outcome) -> None:
        """Write a part that has ended: as a whole, or on any error not at all."""
        path = self._folder / f"part-{part.start:09}-{part.stop:09}.safetensors"
        write_arrays(path, outcome.rows, {"kind": _PART, "recipe": self._digest})

    def _parts(self) -> list[tuple[Path, range]]:
        """The files of parts, by their first member."""
        found = []
        for path in self._folder.iterdir():
            if match := _PART_FILE.fullmatch(path.name):
                found.append((path, range(int(match[1]), int(match[2]))))
        return sorted(found, key=lambda one: one[1].start)

    def _check_recipe(self) -> None:
        """Refuse the folder of another population, and say what differs."""
        path = self._folder / _RECIPE_FILE
        try:
            _, recorded = read_arrays(path)
        except FileNotFoundError:
            if self._parts():
                raise FormatError(
                    f"{self._folder} holds parts of a population and no {_RECIPE_FILE}: give "
                    "another folder, or resume=False to replace them"
                ) from None
            return
        kind = recorded.pop("kind", None)
        if kind != _RECIPE:
            raise FormatError(f"{path} is no recipe of a population: its kind is {kind!r}")
        different = differences(recorded, self._recipe)
        if different:
            raise ValueError(
                f"checkpoint {self._folder} is of another population: {'; '.join(different)}. Give "
                "the networks, options and data that it was written with to go on with it, or "
                "resume=False to start afresh and replace it"
            )

    def _read_parts(self) -> None:
        """Take over all parts, and find out what is missing."""
        done = np.zeros(self._work.size, bool)
        for path, part in self._parts():
            keep(self._work, part, Outcome(self._read(path, part), None))
            done[part.start : part.stop] = True
        edges = np.flatnonzero(np.diff(np.concatenate([[True], done, [True]]))).reshape(-1, 2)
        self.missing = [range(int(first), int(end)) for first, end in edges]

    def _read(self, path: Path, part: range) -> dict[str, Array]:
        """A part's arrays, checked."""
        arrays, recorded = read_arrays(path)
        if recorded != {"kind": _PART, "recipe": self._digest}:
            raise FormatError(f"{path} is no part of this population: it says {recorded}")
        if not 0 <= part.start < part.stop <= self._work.size:
            raise FormatError(f"{path} has members that this population of {self._work.size} lacks")
        wanted = expected(self._work, part)
        for name in wanted.keys() | arrays.keys():
            found, own = arrays.get(name), wanted.get(name)
            if found is None or own is None or (found.shape, found.dtype) != (own.shape, own.dtype):
                raise FormatError(f"{path} cannot be gone on from: its {name} has another form")
        epochs = arrays["epochs"]
        known = np.isin(arrays["status"], _STATUSES).all()
        if not known or epochs.min() < 0 or epochs.max() > self._work.options.epochs:
            raise FormatError(f"{path} cannot be gone on from: its epochs or ends cannot be")
        return arrays


def recipe_of(work: Work) -> dict[str, str]:
    """What the bits of a population depend on, as text: options as they are, arrays as digests.

    Options of the choices in a grid are compared by a digest of all.
    """
    members, windows = work.members, work.windows
    first = work.groups[0].network.architecture
    parts = fingerprint(
        first.training_table, first.loss_code, work.train, work.validation, work.options
    )
    tables = [group.network.architecture.training_table for group in work.groups]
    options = [repr({**vars(own), **_UNSEEN}) for own in work.choices]
    return {
        **parts,
        "members": str(work.size),
        "networks": digest(*tables),
        "trace": digest(members.kept_epochs),
        "seeds or initializer": digest(members.parameters),
        "orders of mini-batches": digest(members.generators, members.dropout_seeds),
        "grid": digest(members.choices, members.rates, members.choice, _bytes(options)),
        "weights of members": digest(members.example_weights, members.weight_row, work.held_out),
        **({} if windows is None else {"groups": digest(windows.count, windows.held_count)}),
    }


# Options that change no bit, or are compared as numbers.
_UNSEEN = dict.fromkeys(
    ("callback", "validation", "class_weight", "max_seconds", "progress", "learning_rate")
)


def _bytes(texts: list[str]) -> Array:
    return np.frombuffer("\n".join(texts).encode(), np.uint8)
