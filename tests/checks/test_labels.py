"""Labels: which y holds some, in what order, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.checks.array_like import label_array
from nnlib.checks.class_weights import class_weight_option, weights_by_class
from nnlib.checks.labels import class_array, found_classes, numbered

pytestmark = pytest.mark.cpu("host")


def objects(*values):
    """A vector of objects, tuples too."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array(["b", "a", "b"]), ["a", "b"]),
        (objects("b", "a"), ["a", "b"]),
        (np.array([2, 1]), [1, 2]),
        (np.array([-1.0, 1.0]), [-1, 1]),
        (objects((2, "x"), (1, "y")), [(1, "y"), (2, "x")]),
        (objects(3, "x"), [3, "x"]),
        (np.array([b"b", b"a"]), [b"a", b"b"]),
        # Class numbers and probabilities, as without labels.
        (np.array([0, 1]), None),
        (np.array([0, 5]), None),
        (np.array([0.5, 0.25]), None),
        (np.array([1, 1]), None),
        (np.array([1, 2, 3]), None),
        (np.array([True, False]), None),
        (np.array([np.nan, 1.0]), None),
        (np.eye(2), None),
        (np.array([]), None),
    ],
)
def test_classes_are_found_in_order(y, classes):
    found = found_classes(y, 2)
    assert (None if found is None else found.tolist()) == classes


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (np.array(["a", "a"]), ValueError, "y holds 1 different labels, 'a', wanted 2"),
        (np.array(list("abc")), ValueError, "y holds 3 different labels, 'a', 'b', 'c', wanted 2"),
        (objects("a", None), ValueError, "y at index 1 holds None"),
        (objects("a", np.nan), ValueError, "y at index 1 holds nan"),
        (objects("a", ["b"]), TypeError, r"y at index 1 holds \['b'\], wanted labels that can be"),
    ],
)
def test_what_is_no_label_is_refused(y, error, words):
    with pytest.raises(error, match=words):
        found_classes(y, 2)


def test_numbers_of_labels_by_hash():
    classes = class_array("classes", ["b", "a", 3])
    np.testing.assert_array_equal(numbered(objects("a", 3.0, "b"), classes), [1, 2, 0])
    rows = np.eye(3)
    assert numbered(rows, classes) is rows
    with pytest.raises(
        ValueError, match="index 1, wanted one of the network's classes 'b', 'a', 3"
    ):
        numbered(objects("a", "c"), classes)
    with pytest.raises(ValueError, match=r"shape \(1, 1\), wanted \(n,\)"):
        numbered(np.array([["a"]]), classes)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([2, 9, 2]), np.array([9, 2])),
        (np.array([2.0, 9.0]), np.array([9, 2])),
        (np.array(["b", "a"]), np.array(["c", "b", "a"])),
        (np.array([True, False]), np.array([True, False])),
        (np.array(["b", 1], object), np.array([1, "b"], object)),
    ],
    ids=str,
)
def test_numbers_are_places_among_the_classes(y, classes):
    numbers = numbered(y, classes)
    assert classes[numbers].tolist() == y.tolist()


@pytest.mark.parametrize(
    ("y", "index"),
    [
        (np.array([2, 5, 3]), 1),
        (np.array([8]), 0),
        (np.array(["x"]), 0),
        (np.array([2, "x"], object), 1),
    ],
)
def test_labels_that_are_no_class_are_named(y, index):
    with pytest.raises(ValueError, match=f"y holds .* at index {index}, wanted one of .* 3, 2, 7"):
        numbered(y, np.array([3, 2, 7]))


def test_classes_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        class_array("classes", ["a", "b"])[0] = "c"


@pytest.mark.parametrize("labels", [["a"], ["a", "a"], ["a", None], [1, 1.0]])
def test_classes_are_different_and_two_at_least(labels):
    with pytest.raises(ValueError, match="classes holds"):
        class_array("classes", labels)


def test_forms_of_labels():
    pandas = pytest.importorskip("pandas")
    for form in (
        ["b", "a"], ("b", "a"), np.array(["b", "a"]), objects("b", "a"), pandas.Series(["b", "a"]),
        pandas.Series(["b", "a"], dtype="category"), pandas.Series(["b", "a"], dtype="string"),
    ):  # fmt: skip
        assert label_array("y", form).tolist() == ["b", "a"]
    assert label_array("y", ["a", 1]).tolist() == ["a", 1]
    assert label_array("y", pandas.Series([1, None], dtype="Int64")).dtype == float
    with pytest.raises(TypeError, match="1 element masked"):
        label_array("y", np.ma.masked_equal(["a", "b"], "a"))
    with pytest.raises(ValueError, match="ragged"):
        label_array("y", [[1], [1, 2]])


def test_balanced_weights_are_those_of_scikit_learn(rng):
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_sample_weight
    y = np.minimum(rng.integers(4, size=50), 2)
    weights = weights_by_class("balanced", np.eye(4)[y], [0, 1, 2, 3], np.empty(0))
    np.testing.assert_allclose(weights, compute("balanced", y))
    given = {0: 2.0, 2: 0.5}
    own = rng.uniform(size=50)
    weights = weights_by_class(given, np.eye(4)[y], [0, 1, 2, 3], own)
    np.testing.assert_allclose(weights, own * np.select([y == 0, y == 2], [2.0, 0.5], 1.0))


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("balance", ValueError, "did you mean 'balanced'"),
        (3, TypeError, "class_weight must be 'balanced' or a dict"),
        ({"a": -1}, ValueError, r"class_weight\['a'\] is -1"),
        ({"a": "1"}, TypeError, r"class_weight\['a'\] must be"),
    ],
)
def test_class_weights_of_another_form(value, error, words):
    with pytest.raises(error, match=words):
        class_weight_option("class_weight", value)
