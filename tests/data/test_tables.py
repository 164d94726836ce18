"""Tables of Arrow and files of Parquet as sources."""

import os
import pickle

import numpy as np
import pytest

import nnlib

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.cpu("host")

N = 100
X = np.random.default_rng(0).normal(size=(N, 3))
LABELS = np.where(X.sum(1) > 0, "yes", "no")


def table(**instead):
    """Three columns of numbers, labels and weights."""
    columns = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "label": LABELS, "w": np.arange(N) + 1.0}
    return pyarrow.table({**columns, **instead})


@pytest.fixture
def folder(tmp_path):
    """Two files of 60 and 40 rows in groups of 25."""
    parquet.write_table(table().slice(0, 60), tmp_path / "1.parquet", row_group_size=25)
    parquet.write_table(table().slice(60), tmp_path / "2.parquet", row_group_size=25)
    return tmp_path


def test_row_groups_are_parts(folder):
    source = nnlib.data.parquet(folder, y="label", sample_weight="w")
    assert source.parts == (25, 25, 10, 25, 15)
    assert source.columns == ("a", "b", "c")
    found = list(source.walk(range(5)))
    assert np.array_equal(np.concatenate([rows.X for rows in found]), X)
    assert np.concatenate([rows.y for rows in found]).tolist() == LABELS.tolist()
    assert np.concatenate([rows.weights for rows in found]).tolist() == list(range(1, N + 1))
    assert np.concatenate(list(source.targets())).tolist() == LABELS.tolist()
    assert np.concatenate(list(source.weights())).tolist() == list(range(1, N + 1))


@pytest.mark.parametrize("most", [1, 16])
def test_files_stay_open_while_they_are_read(folder, monkeypatch, most):
    from nnlib.data import tables

    open_file, opened = tables._opened, []

    def counted(path):
        opened.append(open_file(path))
        return opened[-1]

    source = nnlib.data.parquet(folder, y="label")
    monkeypatch.setattr(tables, "_opened", counted)
    monkeypatch.setattr(tables, "_MOST_OPEN", most)
    order = [0, 3, 1, 4, 2]
    found = [rows.y.tolist() for rows in source.walk(order)]
    assert found == [source.read(part).y.tolist() for part in order]
    assert len(opened) == {1: 5, 16: 2}[most] + 5
    assert all(file.closed for file in opened)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs a list of open files")
def test_files_are_closed_where_a_walk_is_left(folder):
    def held():
        return [os.path.realpath(f"/proc/self/fd/{own}") for own in os.listdir("/proc/self/fd")]

    walk = nnlib.data.parquet(folder, y="label").walk(range(5))
    next(walk)
    assert any(own.endswith("1.parquet") for own in held())
    del walk
    assert not any(own.endswith("1.parquet") for own in held())


def test_an_arrow_table_is_cut_in_equal_parts():
    source = nnlib.data.arrow(table(), y=["b", "c"], X=["a"], part_rows=30)
    assert source.parts == (30, 30, 30, 10)
    assert np.array_equal(source.read(3).X, X[90:, :1])
    assert np.array_equal(source.read(3).y, X[90:, 1:])
    other = table(a=X[:, 0] + 1)
    assert source.identity() != nnlib.data.arrow(other, y=["b", "c"], X=["a"]).identity()


def test_a_descent_learns_classes_and_names(folder):
    source = nnlib.data.parquet(folder, y="label", sample_weight="w")
    here = nnlib.Network([3, 1], "sigmoid", "binary_cross_entropy", seed=0)
    there = nnlib.Network([3, 1], "sigmoid", "binary_cross_entropy", seed=0)
    options = {"batch_size": 8, "epochs": 3, "shuffle": False}
    here.descent(X, LABELS, sample_weight=np.arange(N) + 1.0, **options)
    there.descent(source, **options)
    np.testing.assert_allclose(there.parameters, here.parameters, rtol=1e-13)
    assert there.classes.tolist() == ["no", "yes"]
    assert there.known.feature_names == ("a", "b", "c")


def test_files_are_pickled_by_name(folder):
    source = nnlib.data.parquet([folder / "2.parquet", folder / "1.parquet"], y="label")
    again = pickle.loads(pickle.dumps(source))
    assert again.parts == source.parts == (25, 15, 25, 25, 10)
    assert again.identity() == source.identity()


def test_columns_of_different_numbers_become_one_matrix(tmp_path):
    mixed = table(a=np.arange(N, dtype=np.int8), b=X[:, 1].astype(np.float32), c=X[:, 2] > 0)
    source = nnlib.data.arrow(mixed, y="w", X=["a", "b", "c"])
    assert source.read(0).X.dtype == np.float32
    assert source.read(0).X[5].tolist() == [5, np.float32(X[5, 1]), float(X[5, 2] > 0)]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"y": "lable"}, ValueError, "has no column 'lable'; did you mean 'label'"),
        ({"y": "label", "X": "a"}, TypeError, r"X is 'a', wanted a list .*: \['a'\]"),
        ({"y": "label", "X": ["a", "d"]}, ValueError, "has no column 'd'"),
        ({"y": "label", "sample_weight": 3}, TypeError, "sample_weight is 3"),
        ({"y": "a"}, TypeError, "column 'label' .* is of type string, wanted numbers"),
        ({"y": "label", "X": ["label"]}, TypeError, "column 'label' .* wanted numbers"),
        ({"y": []}, TypeError, r"y is \[\]"),
    ],
)
def test_columns_that_cannot_be_are_refused(arguments, error, said, folder):
    with pytest.raises(error, match=said):
        nnlib.data.parquet(folder, **arguments)
    with pytest.raises(error, match=said):
        nnlib.data.arrow(table(), **arguments)


def test_a_file_that_changes_is_told(folder):
    source = nnlib.data.parquet(folder, y="label")
    parquet.write_table(table(), folder / "2.parquet", row_group_size=25)
    with pytest.raises(ValueError, match=r"2\.parquet has changed since"):
        source.read(4)


def test_files_that_cannot_be_are_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.parquet"):
        nnlib.data.parquet(folder / "nothing.parquet", y="label")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no file"):
        nnlib.data.parquet(tmp_path / "empty", y="label")
    parquet.write_table(table(a=X[:, 0].astype(np.float32)), folder / "3.parquet")
    with pytest.raises(TypeError, match=r"column 'a' is of type float in .*3\.parquet and double"):
        nnlib.data.parquet(folder, y="label")
    (folder / "3.parquet").write_text("no table")
    with pytest.raises(OSError, match=r"3\.parquet is no Parquet file"):
        nnlib.data.parquet(folder, y="label")
    with pytest.raises(TypeError, match="table is"):
        nnlib.data.arrow({"a": [1]}, y="a")


def test_missing_values_name_column_and_part():
    holes = table(b=pyarrow.array([None if k == 70 else 1.0 for k in range(N)]))
    source = nnlib.data.arrow(holes, y="w", X=["a", "b"], part_rows=50)
    net = nnlib.Network([2, 1], "identity", seed=0)
    with pytest.raises(ValueError, match="column 'b' has 1 missing value") as caught:
        net.descent(source, batch_size=10, epochs=1)
    assert caught.value.__notes__ == ["In part 1 of table."] or "part 1" in str(
        caught.value.__notes__
    )
