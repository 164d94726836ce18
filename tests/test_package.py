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
MOST_ARGUMENTS = 7
# What users read and call by keywords: options stand there one by one.
READ_BY_USERS = {
    "nnlib/estimators/classifier.py MLPClassifier.__init__",
    "nnlib/estimators/regressor.py MLPRegressor.__init__",
    "nnlib/layers/convolution.py DepthwiseConv2D.__init__",
    "nnlib/layers/convolution.py _FilterConvolution.__init__",
    "nnlib/layers/custom.py Custom.__init__",
    "nnlib/layers/recurrent.py GRU.__init__",
    "nnlib/layers/recurrent.py LSTM.__init__",
    "nnlib/layers/recurrent.py SimpleRNN.__init__",
    "nnlib/model/function.py NetworkFunction.derJ",
    "nnlib/network.py Network.__init__",
    "nnlib/network.py Network.descent",
    "nnlib/train_many.py train_many",
}
# Entries that Python calls for a single example: to take a NamedTuple from Python costs a call more
# than a microsecond, of the seven that F takes.
FOR_SINGLE_EXAMPLES = {
    "kernels/network/evaluate.py cost",
    "kernels/network/evaluate.py outputs",
}


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


def long_signatures(body, prefix=""):
    """Names of the functions in an `ast` body, also of nested ones, with too many arguments."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from long_signatures(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            names = [own.arg for own in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_ARGUMENTS:
                yield prefix + node.name
            yield from long_signatures(node.body, f"{prefix}{node.name}.")
        else:
            yield from long_signatures(getattr(node, "body", []), prefix)


def test_few_functions_take_more_than_seven_arguments():
    """What travels together is one NamedTuple."""
    found = set()
    for package in ("kernels", "nnlib"):
        for file in (PACKAGE.parent / package).rglob("*.py"):
            path = file.relative_to(PACKAGE.parent).as_posix()
            if not path.startswith("nnlib/kernels/"):
                tree = ast.parse(file.read_text(encoding="utf-8"))
                found |= {f"{path} {name}" for name in long_signatures(tree.body)}
    assert found == READ_BY_USERS | FOR_SINGLE_EXAMPLES


def test_long_signatures_are_found_wherever_they_are():
    eight = ", ".join("abcdefgh")
    source = (
        f"if True:\n    def f({eight}): ...\n"
        f"class C:\n    def g(self, {eight[3:]}): ...\n"
        f"    def h(self, a, *, {eight[3:]}):\n        def i({eight}): ...\n"
    )
    assert list(long_signatures(ast.parse(source).body)) == ["f", "C.h", "C.h.i"]
