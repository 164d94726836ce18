"""Private fields are read by their own class and its base classes only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nnlib

FOLDER = Path(nnlib.__file__).parent
FILES = sorted(
    path for path in FOLDER.rglob("*.py") if "kernels" not in path.relative_to(FOLDER).parts
)
# Public methods of a NamedTuple begin with an underscore, so that they are no fields.
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}


def read_elsewhere(source: str) -> list[str]:
    """Private attributes that are taken from something else than self, cls or super()."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute) or node.attr in OF_NAMED_TUPLES:
            continue
        private = node.attr.startswith("_") and not node.attr.startswith("__")
        own = ast.unparse(node.value) in ("self", "cls", "super()")
        if private and not own:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_private_field_of_another_object(path):
    assert read_elsewhere(path.read_text(encoding="utf-8")) == []


def test_the_search_finds_one():
    source = "def f(self, net):\n    return self._own, net._table, net.__dict__, net._replace()\n"
    assert read_elsewhere(source) == ["line 2: net._table"]
