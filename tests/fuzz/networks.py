"""Mutated files of one small network: each gives the same network or a FormatError."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

import nnlib
from nnlib.files.arrays import FORMAT_VERSION, HEADER_LIMIT, read_arrays, write_arrays

# What gets a header past the first check of its metadata.
SIGN = {"__metadata__": {"format_version": FORMAT_VERSION, "sha256": "0" * 64}}
TOKENS = (b'"', b"{", b"[", b"]", b"}", b",", b" ", b"-1", b"1e400", b"NaN", b"\\u0041")


def original():
    """The network whose file is mutated."""
    return nnlib.Network([1, 2, 1], ["tanh", "identity"], dtype="float32", seed=5)


def same(net, other):
    """Whether everything of two networks is the same, bit for bit."""
    return (net._generator.tobytes(), net.parameters.tobytes(), repr(net)) == (
        other._generator.tobytes(), other.parameters.tobytes(), repr(other)
    )  # fmt: skip


def header(entries, data=b""):
    """A file with this header: bytes as they are, anything else as JSON."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + data


def truncated(data):
    """Every shorter length."""
    return [data[:length] for length in range(len(data))]


def flipped(data):
    """Every bit."""
    for place in range(len(data)):
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def edited(data, rng, count):
    """Bytes inserted, deleted, overwritten and moved, in one to four places."""
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.integers(1, 5)):
            start = rng.integers(len(changed))
            stop = min(len(changed), start + rng.geometric(0.2))
            replacements = [
                b"",
                rng.bytes(rng.geometric(0.3)),
                bytes(stop - start),
                changed[start:stop] * 2,
                TOKENS[rng.integers(len(TOKENS))],
            ]
            changed[start:stop] = replacements[rng.integers(len(replacements))]
        yield bytes(changed)


def other_lengths(data):
    """Any header length near the true one, near a power of two, or near the file's length."""
    true = int.from_bytes(data[:8], "little")
    near = [true, len(data), HEADER_LIMIT, *(2**k for k in range(64))]
    for length in {n + step for n in near for step in range(-16, 17)}:
        if 0 <= length < 2**64 and length != true:
            yield length.to_bytes(8, "little") + data[8:]


def hostile_headers():
    """What a random change does not reach: numbers, types and nesting made by hand."""
    powers = [2**k + step for k in (31, 32, 61, 62, 63, 64) for step in (-8, -1, 0)]
    for dtype in ("F64", "F32", "U8", "BF16", "F8_E4M3", "F4", "C64", "object", None, 8):
        for size in [*powers, 10**12, 10**400, -1, 0, 1, 8, 1.5, "1", None, True]:
            for shape in ([size], [size, size], [0, size], [size] * 65, size):
                for end in (0, 1, 8, size, -1):
                    array = {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}
                    yield header({**SIGN, "x": array}, bytes(end if end in (0, 1) else 8))
    offsets = [0, 8, 16, -8, 2**63, 2**64 - 8, 2**64]
    for first in [(a, b) for a in offsets for b in offsets]:
        for second in [(0, 8), (8, 16), (4, 12), (16, 8)]:
            arrays = {
                name: {"dtype": "F64", "shape": [1], "data_offsets": place}
                for name, place in [("x", first), ("y", second)]
            }
            yield header({**SIGN, **arrays}, bytes(16))
    for value in (b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 5000, b"null", b"{}", b'"\xff"'):
        yield header(b'{"x":' + value + b"}")
        yield header(b'{"__metadata__":' + value + b"}")
        yield header(b'{"__metadata__":{"format_version":' + value + b"}}")
        yield header(
            b'{"x":{"dtype":"F64","shape":[' + value + b'],"data_offsets":[0,8]}}', bytes(8)
        )
    for opening in (
        b"[",
        b'{"x":',
        b'{"__metadata__":{"x":',
        b'{"x":{"shape":[',
        b" ",
        b'"',
        b"\0",
    ):
        for length in (100, 10_000, HEADER_LIMIT):
            yield header(opening * (length // len(opening)))
    many = (b'"%d":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},' % i for i in range(18_000))
    sign = json.dumps(SIGN)[1:-1].encode()
    yield header(b"{" + b"".join(many) + sign + b"}")
    for pair in pairwise(
        [b'"a":"1"', b'"a":"2"', b'"__metadata__":{}', b'"__metadata__":{"a":"1"}']
    ):
        yield header(b"{" + b",".join(pair) + b"}")
        yield header(b'{"__metadata__":{' + b",".join(pair) + b"}}")


def signed_files(path):
    """Files with a right digest, as an attacker would write them, whose network is none."""
    net = original()
    good = {"parameters": net.parameters, "generator": net._generator}
    metadata = {"kind": "network"}
    text = read_arrays(path)[1]["architecture"]
    architecture = json.loads(text)
    for arrays, entries in [
        *((arrays, {**metadata, "architecture": text}) for arrays in bad_arrays(good)),
        *((good, {**metadata, "architecture": bad}) for bad in bad_architectures(architecture)),
        (good, {"architecture": text}),
        (good, metadata),
        (good, {"kind": "checkpoint", "architecture": text}),
        (good, {**metadata, "architecture": text, "more": ""}),
    ]:
        write_arrays(path, arrays, entries)
        yield path.read_bytes()


def bad_arrays(good):
    """Arrays of which no network of those sizes can consist."""
    parameters, generator = good["parameters"], good["generator"]
    yield {}
    yield {"parameters": parameters}
    yield {"generator": generator}
    yield {**good, "more": generator}
    for bad in (
        parameters[:-1],
        parameters.reshape(1, -1),
        parameters.astype("f8"),
        parameters[:0],
    ):
        yield {**good, "parameters": bad}
    for value in (np.nan, np.inf):
        yield {**good, "parameters": np.where(np.arange(7) == 3, value, parameters).astype("f4")}
    for bad in (0 * generator, generator[:3], generator.view("i8"), generator.reshape(2, 2)):
        yield {**good, "generator": bad}


def bad_architectures(good):
    """JSON that does not describe the network that the arrays hold."""
    big = 10**12
    for sizes in (
        [big, big], [1, big, 1], [2**63, 2**63], [10**4000, 10**4000], [1] * 100_000,
        [1], [], [1, 0, 1], [1, -2, 1], [1, 2, 2], [1.0, 2, 1], [True, 2, 1], ["1", 2, 1],
        [[1], 2, 1], [None, 2, 1], "121", None, 7, {},
    ):  # fmt: skip
        yield json.dumps({**good, "sizes": sizes})
    for key, values in {
        "activation": ["sinus", ["tanh"] * 3, [1, 2], None, {}, "x" * 500_000, ["x"] * 99_999],
        "loss": ["none", None, [], 3],
        "dtype": ["float64", "int64", "f4", "O", None, 4, [["a", "f4"]], {"itemsize": big}],
        "seed": [-1, 1.5, "5", True, [], float("nan"), float("inf")],
    }.items():  # fmt: skip
        for value in values:
            yield json.dumps({**good, key: value})
    for key in good:
        yield json.dumps({name: value for name, value in good.items() if name != key})
    yield json.dumps({**good, "initializer": "zeros"})
    yield json.dumps(good)[:-1] + ',"seed":' + "9" * 5000 + "}"
    yield "[" * 300_000
    yield '{"sizes":' * 30_000
    yield "[" + "[]," * 150_000 + "[]]"
    yield from ("", "null", "[]", "1", "NaN", json.dumps(good)[:-1], json.dumps(good) + "}")


class Networks:
    """The file of one network, changed: in every bit, in its lengths, by hand, and at random."""

    # Beyond what the process has before the first file: ten times less than what the files that
    # claim huge sizes would take. A header of the longest length takes 25 MB, each array lies in
    # the file's map and in memory.
    spare_bytes = 64 * 2**20

    def __init__(self, folder):
        self._net, path = original(), Path(folder, "original")
        self._net.save(path)
        self._data = path.read_bytes()
        # Written before the process is bounded: that takes more memory than reading.
        self._signed = list(signed_files(path))
        path.unlink()

    def systematic(self):
        """The files of the plan."""
        for family in (
            [self._data], truncated(self._data), flipped(self._data), other_lengths(self._data),
            hostile_headers(), self._signed,
        ):  # fmt: skip
            for data in family:
                yield "network", data

    def mutated(self, rng):
        """A file changed at random."""
        return "network", next(edited(self._data, rng, 1))

    def attempt(self, name, path):
        """Load the file; the outcome, or AssertionError if it is none that is allowed."""
        try:
            result = nnlib.load(path)
        except nnlib.FormatError:
            return "refused"
        assert same(result, self._net), "another network"
        return "loaded"
