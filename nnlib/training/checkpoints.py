"""Checkpoints: a running descent in a file, from which the same call goes on with the same bits.

The file holds every array that a slice of the descent reads or writes, so it may stand in the
middle of a batch, and the descent's fingerprint: its options, and digests of its network and data.
The number of threads is not part of it, nor what only watches the descent or ends it early.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks.sparse import Records
from ..checks.values import PathLike, on_host
from ..errors import FormatError
from ..files.arrays import read_arrays, write_arrays
from ..files.locks import FileLock
from ..files.writing import regular_file, sweep
from ..kernels.layers.operations import described
from ..kernels.network import problem
from ..schedules import Schedule, rates_of
from .checkpoint_rules import Table, check_content
from .options import OPTIONS, Options
from .windows import Streamed

if TYPE_CHECKING:
    from ..checks.examples import Examples

Array = NDArray[Any]

_KIND = "checkpoint"
_DIGEST = "sha256 "


class Checkpoint:
    """The file of one descent: when it is written, and what it held at the start.

    As a context it is written when the context is left, whatever the reason.

    Parameters
    ----------
    path : str or PathLike
        Of the file; its folder must exist. A relative path is one of the working directory at the
        start.
    interval : float
        Seconds between two writings.
    arrays : mapping from str to ndarray
        The descent's own arrays, which its slices change and `restore` fills; among them
        ``position`` and ``parameters``.
    fingerprint : mapping from str to str
        See `fingerprint`.
    status : int
        The place in ``position`` that is `problem.RUNNING` until the descent ends.

    Examples
    --------
    >>> from nnlib.training.checkpoint_rules import anything
    >>> from tempfile import TemporaryDirectory
    >>> rules = {"position": anything, "parameters": anything}
    >>> arrays = {"position": np.zeros(8, np.int64), "parameters": np.zeros(2)}
    >>> with TemporaryDirectory() as folder:
    ...     file = Checkpoint(f"{folder}/descent", 30, arrays, {"epochs": "100"}, 4)
    ...     file.begin(False, lambda found, own: rules)
    ...     arrays["parameters"][:] = 7
    ...     file.release()
    ...     file.begin(True, lambda found, own: rules)
    ...     file.restore()
    ...     file.release()
    >>> arrays["parameters"]
    array([0., 0.])
    """

    def __init__(
        self,
        path: PathLike,
        interval: float,
        arrays: Mapping[str, Array],
        fingerprint: Mapping[str, str],
        status: int,
    ) -> None:
        # Also after a change of the working directory; `os.path.join` keeps what a user has typed.
        self._path = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
        self._interval = interval
        self._arrays = arrays
        self._fingerprint = fingerprint
        self._status = status
        self._lock: FileLock | None = None
        self._found: Mapping[str, Array] | None = None
        self._written = time.monotonic()

    def begin(
        self,
        resume: bool,
        rules: Table,
        update: Callable[[Mapping[str, Array]], Mapping[str, Array]] = dict,
    ) -> None:
        """Find what to go on from, and write the first checkpoint; the descent's arrays stay.

        The writing finds a missing or read-only folder before any work. Only the file of a
        descent that has ended is left as it is. From here to `release` no other descent may have
        the file.

        Parameters
        ----------
        resume : bool
            Go on from the file, if it is there.
        rules : callable
            What may stand in the file's arrays, see `checkpoint_rules`.
        update : callable
            From the arrays of a file, perhaps of an earlier version, to those of this one; raises
            ValueError if it cannot.

        Raises
        ------
        FormatError
            If the file is damaged or no checkpoint.
        ValueError
            If it is the checkpoint of another descent; the message says what differs.
        BlockingIOError
            If another descent that runs now has the same file.
        OSError, ImportError
            As `files.arrays.write_arrays`.
        """
        regular_file(self._path)
        self._lock = FileLock(self._path)
        try:
            sweep(self._path)
            self._found = self._read(rules, update) if resume else None
            start = self._arrays if self._found is None else self._found
            if start["position"][self._status] == problem.RUNNING:
                self._write(start)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Leave the file to other descents."""
        if self._lock is not None:
            self._lock.release()

    def restore(self) -> None:
        """Fill the descent's arrays with what the file held, if it is to go on from there.

        May be called again after an interruption.
        """
        if self._found is None:
            return
        for name, array in self._arrays.items():
            array[...] = self._found[name]
        self._found = None

    def write(self) -> None:
        """Write the file: the new one as a whole or, on any error, not at all.

        Raises
        ------
        OSError
            If the disk is full, the folder gone or read-only; it names the path.
        """
        self._write(self._arrays)

    def write_if_due(self, prepare: Callable[[], None]) -> None:
        """The same, if the last time was long enough ago, after `prepare` has filled the arrays."""
        if time.monotonic() - self._written >= self._interval:
            prepare()
            self.write()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Write the file, also on the way out of an error, to which a failure adds a note."""
        try:
            self.write()
        except OSError as failure:
            if error is None:
                raise
            error.add_note(f"The checkpoint stays as it was written before: {failure}")

    def _write(self, arrays: Mapping[str, Array]) -> None:
        write_arrays(self._path, arrays, {"kind": _KIND, **self._fingerprint})
        self._written = time.monotonic()

    def _read(
        self, rules: Table, update: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    ) -> Mapping[str, Array] | None:
        """The file's arrays, checked; None if there is no file."""
        try:
            found, recorded = read_arrays(self._path)
        except FileNotFoundError:
            return None
        kind = recorded.pop("kind", None)
        if kind != _KIND:
            raise FormatError(f"{self._path} is no checkpoint: its kind is {kind!r}")
        self._compare(recorded)
        try:
            arrays = update(found)
            self._check_form(arrays)
            check_content(arrays, self._arrays, rules)
        except ValueError as error:
            raise FormatError(f"{self._path} cannot be gone on from: {error}") from error
        return arrays

    def _compare(self, recorded: Mapping[str, str]) -> None:
        """Refuse the checkpoint of another descent and say what differs."""
        different = differences(recorded, self._fingerprint)
        if different:
            raise ValueError(
                f"{self._path} is the checkpoint of another descent: {'; '.join(different)}. "
                "Give the network, options and data that it was written with to go on from it, or "
                "resume=False to start afresh and replace it"
            )

    def _check_form(self, arrays: Mapping[str, Array]) -> None:
        """Names, shapes and dtypes are those of the descent's own arrays."""
        if arrays.keys() != self._arrays.keys():
            raise ValueError(f"it holds {sorted(arrays)}, wanted {sorted(self._arrays)}")
        for name, own in self._arrays.items():
            found = arrays[name]
            if (found.shape, found.dtype) != (own.shape, own.dtype):
                raise ValueError(
                    f"its {name} is {found.dtype} of shape {found.shape}, "
                    f"wanted {own.dtype} of shape {own.shape}"
                )


def fingerprint(
    table: Array,
    loss: int,
    train: Examples,
    validation: Examples | None,
    options: Options,
    **others: str,
) -> dict[str, str]:
    """What the bits of a descent depend on, as text: options as they are, arrays as SHA-256.

    Where the descent starts is not part of it: once interrupted, it starts from the file.
    """
    held_out = [] if validation is None else [validation.X, validation.y, validation.weights]
    schedule = options.learning_rate
    assert isinstance(schedule, Schedule)
    # The text of a user's own class may say nothing of its rates.
    known = dataclasses.is_dataclass(schedule)
    rates = str(schedule) if known else digest(rates_of(schedule, options.epochs))
    parts = {
        name: str(getattr(options, name))
        for name, entry in OPTIONS.items()
        if entry.fingerprint == "text"
    }
    return {
        **parts,
        **others,
        **({} if options.metrics is None else options.metrics.identity()),
        "network": digest(described(table), np.array([loss])),
        "learning_rate": rates,
        **_identity(train),
        "validation": digest(*held_out),
    }


def _identity(train: Examples) -> dict[str, str]:
    """By what the examples are known again: their digests, or what their source says."""
    if isinstance(train, Streamed):
        own = {"class_weight": train.class_weights, "shuffle_buffer": train.shuffle_buffer}
        given = {name: str(value) for name, value in own.items() if value}
        return {"data": train.source.identity(), **given}
    return {
        "X": digest(train.X),
        "y": digest(train.y),
        "sample_weight": digest(train.weights),
    }


def differences(recorded: Mapping[str, str], own: Mapping[str, str]) -> list[str]:
    """What two fingerprints do not have in common, in words.

    >>> differences({"epochs": "10", "X": "sha256 ab"}, {"epochs": "20", "X": "sha256 cd"})
    ['X differs', 'epochs was 10, is 20']
    """
    different = []
    for name in sorted(recorded.keys() | own.keys()):
        was, now = recorded.get(name, "absent"), own.get(name, "absent")
        if was.startswith(_DIGEST) and was != now:
            different.append(f"{name} differs")
        elif was != now:
            different.append(f"{name} was {was}, is {now}")
    return different


def digest(*arrays: Array) -> str:
    """SHA-256 of the arrays' shapes, dtypes and bytes; of sparse examples, of their entries."""
    total = hashlib.sha256()
    for array in arrays:
        parts = array.content() if isinstance(array, Records) else (on_host(array),)
        for part in map(np.ascontiguousarray, parts):
            total.update(f"{part.dtype} {part.shape};".encode())
            total.update(part.data)
    return _DIGEST + total.hexdigest()
