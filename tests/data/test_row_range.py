"""Some rows of a source: cut on the borders, in every form in which a source is read."""

import numpy as np
import pytest

import nnlib
from nnlib.data.row_range import RowRange

pytestmark = pytest.mark.cpu("host")

N = 11
X, y = np.arange(2.0 * N).reshape(N, 2), np.arange(1.0 * N)


@pytest.mark.parametrize(
    ("start", "stop", "parts"),
    [(0, 11, (4, 4, 3)), (0, 6, (4, 2)), (6, 11, (2, 3)), (3, 9, (1, 4, 1)), (5, 7, (2,))],
)
def test_all_ways_to_read(start, stop, parts):
    source = nnlib.data.arrays(X, y, sample_weight=y + 1, part_rows=4)
    own = RowRange(source, start, stop)
    assert own.parts == parts
    found = list(own.walk(range(len(parts))))
    for name, wanted in (("X", X), ("y", y), ("weights", y + 1)):
        joined = np.concatenate([getattr(rows, name) for rows in found])
        np.testing.assert_array_equal(joined, wanted[start:stop])
    np.testing.assert_array_equal(np.concatenate(list(own.targets())), y[start:stop])
    np.testing.assert_array_equal(np.concatenate(list(own.weights())), y[start:stop] + 1)
    last = own.read(len(parts) - 1).y
    np.testing.assert_array_equal(last, y[stop - parts[-1] : stop])


def test_chunks_are_read_in_their_order():
    own = RowRange(nnlib.data.chunks([(X[:5], y[:5]), (X[5:], y[5:])]), 3, 8)
    assert not own.any_order
    np.testing.assert_array_equal(np.concatenate([r.y for r in own.walk([0, 1])]), y[3:8])


def test_identities_tell_ranges_apart():
    source = nnlib.data.arrays(X, y, part_rows=4)
    found = {RowRange(source, *own).identity() for own in ((0, 5), (0, 6), (1, 6))}
    assert len(found | {source.identity()}) == 4
    assert RowRange(source, 2, 5).name == "rows 2 to 4 of arrays"
