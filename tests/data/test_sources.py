"""Sources of arrays, memory maps and chunks: their parts, and what they refuse."""

import pickle

import numpy as np
import pytest

import nnlib
from nnlib.data.source import Rows

pytestmark = pytest.mark.cpu("host")

X, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)


def everything(source):
    """All rows of a source, one after the other."""
    found = list(source.walk(range(len(source.parts))))
    return np.concatenate([rows.X for rows in found]), np.concatenate([rows.y for rows in found])


def mapped(folder):
    """A memory map of X and y."""
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    return nnlib.data.memory_map(folder / "X.npy", folder / "y.npy", part_rows=4)


def pieces():
    """X and y in chunks of 4, 4 and 2 rows."""
    for first in (0, 4, 8):
        yield X[first : first + 4], y[first : first + 4]


@pytest.mark.parametrize("kind", ["arrays", "memory_map", "function", "list"])
def test_parts_are_the_rows_in_order(kind, tmp_path):
    source = {
        "arrays": lambda: nnlib.data.arrays(X, y, part_rows=4),
        "memory_map": lambda: mapped(tmp_path),
        "function": lambda: nnlib.data.chunks(pieces),
        "list": lambda: nnlib.data.chunks(list(pieces())),
    }[kind]()
    assert source.parts == (4, 4, 2)
    assert source.rows == 10
    for found, wanted in zip(everything(source), (X, y), strict=True):
        assert np.array_equal(found, wanted)
    assert np.array_equal(source.read(1).X, X[4:8])
    assert np.array_equal(np.concatenate(list(source.targets())), y)


def test_weights_come_with_their_rows():
    source = nnlib.data.arrays(X, y, sample_weight=y + 1, part_rows=4)
    assert source.weighted
    assert np.array_equal(source.read(2).weights, [9, 10])
    chunked = nnlib.data.chunks([(X, y, y + 1)])
    assert chunked.weighted
    assert np.array_equal(next(chunked.weights()), y + 1)


def test_a_memory_map_is_pickled_as_its_files(tmp_path):
    again = pickle.loads(pickle.dumps(mapped(tmp_path)))
    assert np.array_equal(everything(again)[0], X)
    assert len(pickle.dumps(again)) < 1000


def test_identities_tell_data_apart(tmp_path):
    one = nnlib.data.arrays(X, y, part_rows=4)
    assert one.identity() == nnlib.data.arrays(X.copy(), y, part_rows=4).identity()
    assert one.identity() != nnlib.data.arrays(X, y, part_rows=5).identity()
    assert one.identity() != nnlib.data.arrays(X, y + 1, part_rows=4).identity()
    before = mapped(tmp_path).identity()
    np.save(tmp_path / "y.npy", np.ones(10, np.float32))
    again = nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "y.npy", part_rows=4)
    assert again.identity() != before


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: nnlib.data.arrays(X, y[:9]), ValueError, "y has 9 rows and X 10"),
        (lambda: nnlib.data.arrays(X[:0], y[:0]), ValueError, "X has no rows"),
        (lambda: nnlib.data.arrays(X, y, part_rows=0), ValueError, "part_rows is 0"),
        (lambda: nnlib.data.arrays(3, y), TypeError, "X is 3"),
        (lambda: nnlib.data.chunks(pieces()), TypeError, "without its parentheses"),
        (lambda: nnlib.data.chunks(3), TypeError, "give is 3"),
        (lambda: nnlib.data.chunks([]), ValueError, "gave no chunk"),
        (lambda: nnlib.data.chunks([X]), TypeError, "chunk 0 .* ndarray, wanted a tuple"),
        (lambda: nnlib.data.chunks([(X, y), (X, y[:3])]), ValueError, "chunk 1 .* as many rows"),
        (lambda: nnlib.data.chunks([(X, y, y), (X, y)]), ValueError, "some .* have weights"),
    ],
)
def test_what_is_no_data_is_refused(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_files_of_other_lengths_are_refused(tmp_path):
    mapped(tmp_path)
    np.save(tmp_path / "y.npy", y[:9])
    with pytest.raises(ValueError, match=r"y\.npy has 9 rows and .*X\.npy 10"):
        nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "y.npy")
    (tmp_path / "y.npy").write_bytes(b"nothing of NumPy")
    with pytest.raises(ValueError, match=r"y is .*y\.npy"):
        nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "y.npy")
    with pytest.raises(FileNotFoundError):
        nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "z.npy")


def test_chunks_that_are_others_the_second_time():
    given = [(X, y), (X, y)]
    source = nnlib.data.chunks(given)
    given[1] = (X[:3], y[:3])
    with pytest.raises(ValueError, match="chunk 1 of chunks had 10 rows at first and now 3"):
        everything(source)
    given.pop()
    with pytest.raises(ValueError, match="gave 2 chunks at first and now ended after 1"):
        everything(source)


def test_a_misspelt_argument_is_told_with_the_near_name():
    with pytest.raises(TypeError, match="'part_row'; did you mean 'part_rows'"):
        nnlib.data.arrays(X, y, part_row=3)


def test_columns_of_a_frame_have_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b"])
    assert nnlib.data.arrays(frame, pandas.Series(y)).columns == ("a", "b")
    assert nnlib.data.arrays(X, y).columns is None


def test_rows_are_not_copied():
    assert np.shares_memory(nnlib.data.arrays(X, y).read(0).X, X)
    assert Rows(X, y).weights is None
