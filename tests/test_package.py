"""The package as a whole: what is checked before anything else is imported."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu("host")

PACKAGE = Path(__file__).parents[1] / "nnlib"
FOLDERS = [
    file.parent.relative_to(PACKAGE.parent)
    for package in ("nnlib", "kernels", "bench", "tests")
    for file in sorted((PACKAGE.parent / package).rglob("__init__.py"))
]
FEWEST_WORDS = 20


def run(folder, program):
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True, text=True,
    )  # fmt: skip


def test_a_link_that_became_a_text_file_is_named(tmp_path):
    """As git writes it on Windows, where links are not allowed."""
    (tmp_path / "nnlib").mkdir()
    shutil.copy(PACKAGE / "__init__.py", tmp_path / "nnlib")
    (tmp_path / "nnlib" / "kernels").write_text("../kernels")
    ended = run(tmp_path, "import nnlib")
    assert ended.returncode == 1
    assert "is a link in the repository, and was checked out as a text file" in ended.stderr


def test_an_unknown_attribute_has_one_near_name():
    program = "import nnlib; nnlib.Network([1, 2, 1]).weight"
    ended = run(PACKAGE.parent, program)
    assert ended.stderr.splitlines()[-1].count("did you mean") == 1
    assert ended.stderr.lower().count("did you mean") == 1


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_folder_says_what_flows_through_it(folder):
    """One line repeats the folder's name; a paragraph says what goes in, through it, and out."""
    source = (PACKAGE.parent / folder / "__init__.py").read_text(encoding="utf-8")
    words = (ast.get_docstring(ast.parse(source)) or "").split()
    assert len(words) >= FEWEST_WORDS


def test_the_folders_of_all_four_packages_are_looked_at():
    expected = {"nnlib/model", "kernels/layers", "bench/rows", "tests/model"}
    assert expected <= {folder.as_posix() for folder in FOLDERS}
