"""Codes of formulas that stand in no table."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from nnlib.kernels.formulas.registry import FIRST_DIGEST, Registry, digest_of


class Record(NamedTuple):
    name: str
    digest: str = ""


def test_a_place_in_the_table_or_a_digest():
    registry = Registry([Record("a"), Record("b")])
    code = registry.add(Record("c", digest_of("c")))
    assert (registry.of(1).name, registry.of(code).name) == ("b", "c")
    assert FIRST_DIGEST <= code < 2**62
    assert registry.add(Record("c", digest_of("c"))) == code


def test_an_unknown_code():
    with pytest.raises(KeyError):
        Registry([Record("a")]).of(FIRST_DIGEST + 1)


def test_two_formulas_never_share_a_code():
    registry = Registry([])
    registry.add(Record("a", "1" + "0" * 20))
    with pytest.raises(RuntimeError, match="a and b have the same code"):
        registry.add(Record("b", "2" + "0" * 20))


def test_where_a_text_ends_counts():
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("abc")
    assert len(digest_of("a")) == 32
