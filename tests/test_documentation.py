"""What users read first: docstrings with examples, and pages whose links lead somewhere."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

import nnlib
from nnlib import activations, course, layers, losses, optimizers, schedules, sequences

pytestmark = pytest.mark.cpu("host")

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def public_names(module):
    """The module's ``__all__``, or the classes and functions that it defines, modules left out."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    ]
    return [name for name in names if callable(getattr(module, name))]


DOCUMENTED = [
    (f"{module.__name__}.{name}", getattr(module, name))
    for module in (nnlib, activations, layers, losses, optimizers, schedules, sequences, course)
    for name in public_names(module)
]
DOCUMENTED += [
    (f"nnlib.Network.{name}", value)
    for name, value in inspect.getmembers(nnlib.Network, inspect.isfunction)
    if not name.startswith("_")
]


@pytest.mark.parametrize(
    "value", [value for _, value in DOCUMENTED], ids=[n for n, _ in DOCUMENTED]
)
def test_every_public_name_has_a_docstring_with_an_example(value):
    # Not inherited: a class without its own docstring would show that of its base.
    assert value.__doc__
    examples = doctest.DocTestParser().get_examples(value.__doc__)
    assert examples, "no example"


def test_the_names_of_every_optimizer_and_schedule_are_looked_at():
    names = {name for name, _ in DOCUMENTED}
    assert {"nnlib.Network.descent", "nnlib.optimizers.Adam", "nnlib.schedules.Cosine"} <= names
    assert "nnlib.course.exercise" in names


def relative_links():
    """Every page with the targets of its links and images that are files of the repository."""
    links = []
    for page in PAGES:
        targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        links += [(page.relative_to(ROOT), target) for target in targets if "://" not in target]
    return links


@pytest.mark.parametrize(("page", "target"), relative_links())
def test_relative_links_lead_to_files(page, target):
    assert ((ROOT / page).parent / target).is_file()


def test_the_readme_has_a_link_and_an_image_to_check():
    targets = {target for page, target in relative_links() if page.name == "README.md"}
    assert {"CONTRIBUTING.md", "docs/tour.md", "bench/results/peers.svg"} <= targets


def test_no_message_names_an_index_that_does_not_have_the_distribution():
    for path in (ROOT / "nnlib").rglob("*.py"):
        assert "nnlib-compiled[" not in path.read_text(encoding="utf-8"), path
