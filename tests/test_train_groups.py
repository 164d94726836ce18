"""A network for each group of a data frame's rows."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib

pytestmark = pytest.mark.cpu("groups")
pandas = pytest.importorskip("pandas")


def frame(rows=60):
    """Three shops."""
    generator = np.random.default_rng(0)
    return pandas.DataFrame(
        {
            "shop": [f"shop {i % 3}" for i in range(rows)],
            "price": generator.uniform(size=rows),
            "day": np.arange(rows) / rows,
            "town": ["x", "y"] * (rows // 2),
            "sales": generator.uniform(size=rows),
        }
    )


def test_it_is_train_many_with_the_frames_columns():
    given, options = frame(), {"epochs": 5, "validation": 0.2, "optimizer": "adam"}
    population = nnlib.train_groups(
        given, by="shop", X=["price", "day"], y="sales", sizes=[2, 3, 1], **options
    )
    X, y = given[["price", "day"]].to_numpy(), given["sales"].to_numpy()
    same = nnlib.train_many([2, 3, 1], X, y, groups=given["shop"], **options)
    np.testing.assert_array_equal(population.parameters, same.parameters)
    assert population.feature_names == ("price", "day")
    own = given[given["shop"] == "shop 1"]
    found = population.predict_groups(given[["price", "day"]], given["shop"])
    alone = population["shop 1"].predict(own[["price", "day"]])
    np.testing.assert_array_equal(found[given["shop"] == "shop 1"], alone)
    with pytest.raises(ValueError, match="has its columns in the order"):
        population.predict_groups(given[["day", "price"]], given["shop"])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"by": "shp"}, ValueError, "by names the column 'shp', .*; did you mean 'shop'"),
        ({"X": ["price", "dya"]}, ValueError, "X names the column 'dya', .*; did you mean 'day'"),
        ({"y": "profit"}, ValueError, "y names the column 'profit', which frame does not have"),
        ({"X": ["price", "town"]}, TypeError, "column 'town' of X"),
        ({"X": "price"}, TypeError, "X must be a list of names of columns; got 'price'"),
        ({"X": []}, TypeError, "X must be a list of names of columns"),
        ({"X": ["price", "sales"]}, ValueError, "column 'sales' is in X and in y"),
        ({"groups": [1]}, TypeError, "train_groups takes no groups"),
        ({"frame": [1]}, TypeError, r"frame must be a pandas DataFrame; got \[1\]"),
        ({"epoch": 1}, TypeError, "unexpected keyword argument 'epoch'; did you mean 'epochs'"),
    ],
    ids=str,
)
def test_refused(arguments, kind, message):
    given = {"frame": frame(), "by": "shop", "X": ["price", "day"], "y": "sales"}
    with pytest.raises(kind, match=message):
        nnlib.train_groups(**{**given, "sizes": [2, 3, 1], "epochs": 1, **arguments})


def test_a_shop_without_a_name():
    given = frame()
    given.loc[4, "shop"] = None
    with pytest.raises(ValueError, match=r"groups\[4\] is missing, as 1 of 60 are"):
        nnlib.train_groups(given, by="shop", X=["day"], y="sales", sizes=[1, 2, 1])
