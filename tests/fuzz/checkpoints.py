"""Checkpoints with a right digest and hostile content: refused, or the descent ends as it should.

Allowed are an error that leaves network and file as they were, a network of finite parameters, and
a DivergenceError after which no parameter is NaN.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

import nnlib
from nnlib.files.arrays import read_arrays, write_arrays
from tests.files import old_files

# What descents keep between slices, and the numbers with which comparisons and loops go wrong.
REALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 1.0, -1.0, 25.0, 26.0, 1e-320, 1e300, -1e300]
WHOLES = [*range(-2, 14), 20, 21, 22, 128, 2**31, 2**62, 2**63 - 1, -(2**63)]
LAST = 40  # slices: more than any of these descents has


class Checkpoints:
    """Files of some kinds of descent, at several moments, with some of their numbers changed."""

    spare_bytes = None  # what a descent takes is for other tests

    def __init__(self, folder, names):
        path = Path(folder, "original")
        self._files = {name: list(moments(name, path)) for name in names}
        self._path = path

    def systematic(self):
        """Every number that is not in bulk data, replaced by every special value."""
        for name, files in self._files.items():
            for number in (0, len(files) // 2, len(files) - 1):
                arrays, metadata = files[number]
                for key in sorted(arrays):
                    for place in range(min(arrays[key].size, 10)):
                        for value in specials(arrays[key]):
                            changed = arrays[key].copy()
                            changed.flat[place] = value
                            yield name, self._signed({**arrays, key: changed}, metadata)

    def mutated(self, rng):
        """A file in which one to three arrays are changed."""
        name = list(self._files)[rng.integers(len(self._files))]
        files = self._files[name]
        arrays, metadata = files[rng.integers(len(files))]
        arrays = dict(arrays)
        for key in rng.choice(sorted(arrays), size=rng.integers(1, 4)):
            others = files[rng.integers(len(files))][0]
            arrays[key] = changed(arrays[key], others[key], rng)
        return name, self._signed(arrays, metadata)

    def attempt(self, name, path):
        """Go on from the file; the outcome, or AssertionError if it is none that is allowed."""
        net = old_files.network_of(name)
        net.parameters += 1  # so that it shows whether they come from the file
        before, content = net.parameters.copy(), path.read_bytes()
        try:
            history = old_files.descend(net, name, path, resume=True)
        except nnlib.DivergenceError:
            # Where activations saturate, an infinite weight has a finite cost.
            assert not np.isnan(net.parameters).any(), "diverged, with NaN"
            return "diverged"
        except ValueError:
            assert (net.parameters == before).all(), "refused, with other parameters"
            assert path.read_bytes() == content, "refused, and written"
            return "refused"
        assert np.isfinite(net.parameters).all(), "ended, parameters not finite"
        assert np.isfinite(history.J).all(), "ended, costs not finite"
        return "ended"

    def _signed(self, arrays, metadata):
        """The file's bytes, with the digest of what it holds."""
        write_arrays(self._path, arrays, metadata)
        return self._path.read_bytes()


def moments(name, path):
    """Arrays and metadata of a descent's checkpoints, from its start to its end."""
    for slices in itertools.chain(range(0, LAST, 3), [None]):
        path.unlink(missing_ok=True)
        if slices is None:
            old_files.descend(old_files.network_of(name), name, path)
        elif not interrupted(name, path, slices):
            continue
        yield read_arrays(path)


def interrupted(name, path, slices):
    """Whether the descent was long enough to be interrupted."""
    try:
        old_files.interrupt(name, path, slices)
    except BaseException as error:
        if "DID NOT RAISE" not in str(error):
            raise
        return False
    return True


def specials(array):
    """The special values that a dtype can hold."""
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array(REALS).astype(array.dtype)
    low = np.iinfo(array.dtype).min
    return [value for value in WHOLES if value >= low]


def changed(array, other, rng):
    """An array with numbers replaced: by special ones, by those of another moment, by others."""
    array, values = array.copy(), specials(array)
    kind = rng.integers(8)
    if kind == 0:
        return other
    if not array.size or kind == 1:
        return np.resize(array, rng.integers(4))
    place = rng.integers(array.size)
    if kind == 2:
        array.fill(values[rng.integers(len(values))])
    elif kind == 3:
        array.flat[place] = other.flat[place] if other.shape == array.shape else 0
    elif kind == 4:
        array.reshape(-1).view(np.uint8)[rng.integers(array.nbytes)] ^= 1 << rng.integers(8)
    elif kind == 5:
        rng.shuffle(array)
    else:
        array.flat[place] = values[rng.integers(len(values))]
    return array
