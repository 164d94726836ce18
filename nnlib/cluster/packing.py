"""What all parts share, packed once: the arrays apart from the rest, so that nobody copies them.

A pickle of protocol 5 leaves the memory of arrays out. It goes into Ray's object store, or into a
file that all workers map into their memory; unpickled over that memory the arrays are there at
once, one copy for all the workers of a machine. Source: PEP 574.
"""

from __future__ import annotations

import importlib
import mmap
import os
import pickle
import tempfile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Where arrays begin in a file: at a cache line, as vectors are read best.
_ALIGNED = 64
# cloudpickle sends functions that have no importable name. Ray and joblib bring copies along.
_PICKLERS = ("cloudpickle", "joblib.externals.cloudpickle", "ray.cloudpickle", "pickle")


class Packed(NamedTuple):
    """A pickle without its arrays, and their bytes, each an array of uint8."""

    head: bytes
    buffers: list[Array]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return len(self.head) + sum(own.nbytes for own in self.buffers)

    def value(self) -> Any:
        """The value; its arrays lie in the memory of `buffers`.

        >>> packed = pack({"X": np.arange(3.0)})
        >>> packed.value()
        {'X': array([0., 1., 2.])}
        """
        return pickle.loads(self.head, buffers=[_writable(own) for own in self.buffers])


class PackedFile(NamedTuple):
    """The same in a file: its path, and where in it the pickle and the arrays are."""

    path: str
    places: list[tuple[int, int]]

    def value(self) -> Any:
        """The value; its arrays lie in the file, mapped into memory.

        Raises
        ------
        RuntimeError
            If the worker does not find the file.
        """
        try:
            with open(self.path, "rb") as file:
                # What is written stays with this process; nothing is.
                memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        except FileNotFoundError:
            raise RuntimeError(
                f"a worker does not find {self.path}, which holds what all workers share: set "
                "TMPDIR to a folder that all machines see, or use Ray or Dask"
            ) from None
        head, *buffers = (memory[first:end] for first, end in self.places)
        return pickle.loads(head, buffers=buffers)


def pack(value: Any) -> Packed:
    """The value, ready to be sent.

    Raises
    ------
    TypeError
        If something of it cannot be sent; it says what to do.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        head = _pickler().dumps(value, protocol=5, buffer_callback=buffers.append)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(
            f"cluster: the networks or options cannot be sent to workers: {error}. Define a "
            "function of your own at the top of a module that workers can import too, or install "
            "cloudpickle, which also sends lambdas"
        ) from error
    return Packed(head, [np.frombuffer(own.raw(), np.uint8) for own in buffers])


def pack_into_file(value: Any) -> PackedFile:
    """The value in a temporary file, which its maker removes by `remove`.

    >>> packed = pack_into_file([np.arange(3.0), "three"])
    >>> packed.value()
    [array([0., 1., 2.]), 'three']
    >>> remove(packed)
    """
    packed, places = pack(value), []
    parts: list[Any] = [packed.head, *packed.buffers]
    with tempfile.NamedTemporaryFile(prefix="nnlib-", suffix=".shared", delete=False) as file:
        for part in parts:
            file.write(bytes(-file.tell() % _ALIGNED))
            first = file.tell()
            file.write(part)
            places.append((first, file.tell()))
    return PackedFile(file.name, places)


def remove(packed: PackedFile) -> None:
    """Remove the file; workers that have it in their memory keep it there."""
    try:
        os.unlink(packed.path)
    except OSError:  # Windows, while a worker has it; the system sweeps its temporary files
        return


def _pickler() -> Any:
    """The first module of `_PICKLERS` that is installed."""
    for name in _PICKLERS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise AssertionError("pickle is always there")


class _Memory:
    """Describes an array's memory to NumPy as writable; NumPy keeps this object, and so the array.

    Compiled code knows writable arrays alone. What is shared is only ever read.
    """

    def __init__(self, array: Array) -> None:
        self.array = array
        own = array.__array_interface__
        self.__array_interface__ = {**own, "data": (own["data"][0], False)}


def _writable(array: Array) -> Array:
    return array if array.flags.writeable else np.asarray(_Memory(array))
