"""Named arrays in a file: written whole or not at all, and read as if the file were hostile.

The format is safetensors: the header's length (8 bytes, little-endian), a JSON header that names
each array's dtype, shape and place, then the data. It can hold nothing that runs. The header's
metadata, a table from text to text, carries two entries of nnlib's own beside the caller's:

- ``format_version``: what this file calls `FORMAT_VERSION`;
- ``sha256``: a digest of all the rest, see `_digest`.

Source of the format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.values import PathLike, file_path
from ..errors import FormatError
from .writing import regular_file, write_atomically

Array = NDArray[Any]

FORMAT_VERSION = "1"
# A network of 40 000 layers fits. JSON takes up to 25 times its length in memory once it is read,
# so the bound keeps what a hostile header costs to 25 MB.
HEADER_LIMIT = 2**20
# What nnlib writes. The format knows more, for some of which NumPy has no type.
_DTYPES = {
    "F32": "float32",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
    "U32": "uint32",
}
_OWN_ENTRIES = ("format_version", "sha256")


def write_arrays(path: PathLike, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write named arrays and text about them to a safetensors file, atomically.

    Parameters
    ----------
    path : str or PathLike
        Of the file; see `writing.write_atomically`.
    arrays : mapping from str to ndarray
        Of any shape; float32, float64, int64 or uint64. Structure, such as a network's sizes,
        goes into the metadata as JSON.
    metadata : mapping from str to str
        Any keys but ``format_version`` and ``sha256``, which are added here. With the arrays'
        names it has to fit into 1 MiB.

    Raises
    ------
    TypeError, ValueError
        For other paths, dtypes or metadata, before anything is written.
    OSError
        As `writing.write_atomically`; for anything but a file before any work.
    ImportError
        If safetensors is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_arrays(f"{folder}/step", {"x": np.arange(3.0)}, {"epoch": "7"})
    ...     read_arrays(f"{folder}/step")
    ({'x': array([0., 1., 2.])}, {'epoch': '7'})
    """
    library = _safetensors()
    regular_file(file_path("path", path))
    checked = {name: _writable(name, array) for name, array in arrays.items()}
    for key, value in metadata.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise TypeError(f"metadata holds {key!r}: {value!r}, wanted str: str")
        if key in _OWN_ENTRIES:
            raise ValueError(f"metadata holds {key!r}, which nnlib writes itself")
    entries = {**metadata, "format_version": FORMAT_VERSION}
    data = library.numpy.save(checked, {**entries, "sha256": _digest(checked, entries)})
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_LIMIT:
        raise ValueError(
            f"metadata and names take {length} bytes in {path}, wanted at most {HEADER_LIMIT}"
        )
    write_atomically(path, data)


def read_arrays(path: PathLike) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what `write_arrays` wrote, and nothing else.

    Nothing in the file is believed: no length or shape takes memory before it has been compared
    with the file's size, and the digest has to agree. A refused file costs at most its own size in
    memory, and what a header of 1 MiB takes.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    tuple of (dict from str to ndarray, dict from str to str)
        The arrays, writable and of the same bits, and the metadata.

    Raises
    ------
    TypeError
        For an open file's number: it is the caller's to read and to close.
    FormatError
        If the file is truncated, changed in any bit that matters, of another version, or was not
        written by nnlib; it says which.
    OSError
        If the file is missing or cannot be read.
    ImportError
        If safetensors is missing.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_arrays(f"{folder}/empty", {}, {})
    ...     read_arrays(f"{folder}/empty")
    ({}, {})
    """
    library = _safetensors()
    _check_lengths(file_path("path", path))
    try:
        with library.safe_open(path, framework="numpy") as file:
            entries = file.metadata() or {}
            _check_version(path, entries)
            arrays = {name: _read_array(path, file, name) for name in sorted(file.keys())}
    except library.SafetensorError as error:
        raise FormatError(f"{path} is no safetensors file, or a damaged one: {error}") from error
    digest = entries.pop("sha256", None)
    if digest != _digest(arrays, entries):
        raise FormatError(f"{path} is damaged: its content is not that of its digest, {digest}")
    del entries["format_version"]
    return arrays, entries


def _safetensors() -> ModuleType:
    """The library, which only saving and loading need."""
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError("saving and loading need safetensors: pip install safetensors") from None
    return safetensors


def _writable(name: str, array: Array) -> Array:
    """A copy as the library wants it: contiguous, native byte order, of a dtype that we read.

    A copy, since another thread may go on training: digest and data have to be of one moment.
    """
    if name == "__metadata__":
        raise ValueError("arrays holds '__metadata__', a name that the format keeps for itself")
    if not isinstance(array, np.ndarray) or array.dtype.name not in _DTYPES.values():
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(
            f"arrays[{name!r}] is {kind}, wanted an array of {', '.join(_DTYPES.values())}"
        )
    return np.array(array, dtype=array.dtype.name, order="C")


def _digest(arrays: Mapping[str, Array], entries: Mapping[str, str]) -> str:
    """SHA-256 of everything in the file but itself, as hexadecimal text.

    Over the metadata and each array's dtype and shape as JSON with sorted keys, then each array's
    bytes in the order of the names. The file's own bytes are not digested, since the library
    decides where the arrays lie and how the header is spaced.
    """
    shapes = {name: [array.dtype.name, array.shape] for name, array in arrays.items()}
    digest = hashlib.sha256(json.dumps([dict(entries), shapes], sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(arrays[name].data)
    return digest.hexdigest()


def _check_lengths(path: PathLike) -> None:
    """Refuse a header longer than the file or the limit, before anything is read into memory."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        # To open a pipe would wait for its writer, perhaps for ever.
        raise FormatError(f"{path} is no regular file")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(8)
    if len(prefix) < 8:
        raise FormatError(f"{path} has {size} bytes, wanted at least 8: it is truncated")
    length = int.from_bytes(prefix, "little")
    if length > HEADER_LIMIT:
        raise FormatError(
            f"{path} is no file of nnlib, or a damaged one: it begins with the number {length} "
            f"where its header's length belongs, at most {HEADER_LIMIT}"
        )
    if 8 + length > size:
        raise FormatError(
            f"{path} is truncated: it has {size} bytes, its header alone takes {8 + length}"
        )


def _check_version(path: PathLike, entries: Mapping[str, str]) -> None:
    """Refuse other versions before the digest, which might be another one there."""
    version = entries.get("format_version")
    if version is None:
        raise FormatError(f"{path} is a safetensors file that nnlib did not write")
    if version != FORMAT_VERSION:
        raise FormatError(
            f"{path} has format version {version}; this nnlib reads version {FORMAT_VERSION}"
        )


def _read_array(path: PathLike, file: Any, name: str) -> Array:
    """One array; the library has compared shape and offsets with the file's size."""
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _DTYPES:
        raise FormatError(f"{path}: array {name!r} is {dtype}, wanted {', '.join(_DTYPES)}")
    try:
        array: Array = file.get_tensor(name)
    except ValueError as error:  # an empty array's shape may have any other sizes, and any rank
        raise FormatError(f"{path}: array {name!r} has no possible shape: {error}") from error
    return array
