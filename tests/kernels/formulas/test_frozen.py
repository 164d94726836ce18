"""Users' functions, frozen: what their digests depend on, and what is no formula."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.formulas.frozen import freeze

ROOT = Path(__file__).parents[3]
factor = 2.0
anything = {"a": 1}


class Like(int):
    """Numbers that all look the same."""

    def __repr__(self):
        return "1"


alike = Like(2)


def value_of(function, z=3.0):
    """What the frozen function gives for a number."""
    formula = freeze("function", function, 1).formula

    @entry
    def call(number):
        return formula(number)

    return call(z)


def digest(function, parameters=1):
    return freeze("function", function, parameters).digest


def times(number):
    return lambda z: number * z


def one_more(function):
    return lambda z: function(z) + 1


def helper(z):
    return z * factor


@njit
def compiled_helper(z):
    return z * factor


def test_it_keeps_the_values_of_now(monkeypatch):
    function = lambda z: factor * z  # noqa: E731
    frozen = freeze("function", function, 1)
    monkeypatch.setitem(globals(), "factor", 5.0)

    @entry
    def call(z):
        return frozen.formula(z)

    formula = frozen.formula
    assert formula.py_func(3.0) == 6
    assert function(3.0) == 15
    assert freeze("function", function, 1).digest != frozen.digest


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda z: math.sqrt(z) + factor, math.sqrt(3) + 2),
        (lambda z: np.maximum(z, 4.0), 4),
        (lambda z, k=2.0: k * z, 6),
        (lambda z: helper(z) + 1, 7),
        (lambda z: compiled_helper(z) + 1, 7),
        (lambda z: max(z, 1.0) if z > 0 else abs(z), 3),
        (times(4), 12),
        (times(np.float32(0.5)), 1.5),
        (compiled_helper, 6),
        (one_more(one_more(times(2))), 8),
    ],
)
def test_what_a_formula_may_use(function, expected):
    assert value_of(function) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("module", [math, np], ids=["math", "numpy"])
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_functions_that_have_a_vector_form(module, name):
    """In the dtype of their argument, and of whole numbers too."""
    called = getattr(module, name)
    exact = getattr(math, name)
    by_module = eval(f"lambda z: module.{name}(z)", {"module": module})
    for function in (lambda z: called(z), by_module):
        assert value_of(function, 0.7) == pytest.approx(exact(0.7), rel=1e-15)
        assert value_of(function, 2) == pytest.approx(exact(2), rel=1e-15)
        single = value_of(function, np.float32(0.7))
        assert single == pytest.approx(exact(0.7), rel=1e-6)
        assert single == np.float32(single)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda z: z + 1, lambda z: z + 2),
        (lambda z: z + 1, lambda z: z - 1),
        (lambda z: 1 * z, lambda z: 1.0 * z),
        (lambda z: 0.0 * z, lambda z: -0.0 * z),
        (lambda z: math.sin(z), lambda z: math.cos(z)),
        (lambda z: math.sin(z), lambda z: np.sin(z)),
        (lambda z, k=1: z * k, lambda z, k=2: z * k),
        (times(1.0), times(2.0)),
        (times(1), times(True)),
        (lambda z: helper(z), lambda z: abs(z)),
        (lambda z: z in {1.0, 2.0}, lambda z: z in {1.0, 3.0}),
    ],
)
def test_other_formulas_have_other_digests(one, other):
    assert digest(one) != digest(other)


def test_the_same_formula_has_the_same_digest():
    def first(z):
        return helper(z) + factor

    def second(z):
        return helper(z) + factor

    def third(number):
        """Names of variables and documentation do not count."""
        # Nor do comments.
        return helper(number) + factor

    assert digest(first) == digest(second) == digest(third)
    assert digest(times(3)) == digest(times(3))


def test_what_a_called_function_computes_counts(monkeypatch):
    before = digest(lambda z: helper(z))
    monkeypatch.setitem(globals(), "factor", 3.0)
    assert digest(lambda z: helper(z)) != before


def test_other_processes_have_the_same_digests():
    """Also of sets, whose order is another one in each process."""
    source = (
        "import math\nfrom nnlib.kernels.formulas.frozen import freeze\nk = 0.3\n"
        "f = lambda z: math.exp(k * z) if z in {1.5, 2.5, 'a', 'b'} else 0.0\n"
        "print(freeze('function', f, 1).digest)"
    )
    found = set()
    for seed in ("1", "2"):
        surroundings = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", source]
        found.add(subprocess.check_output(command, env=surroundings, cwd=ROOT))
    assert len(found) == 1


def recursive(z):
    return recursive(z - 1) if z > 0 else z


def raising(z):
    if z > 0:
        raise ValueError
    return z


def checking(z):
    assert z > 0
    return z


def generator(z):
    yield z


async def coroutine(z):
    return z


unset = times


def with_an_empty_cell():
    def function(z):
        return later * z

    if unset is None:
        later = 1.0
    return function


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (math.sin, ["plain Python function", "builtin_function_or_method"]),
        (3, ["plain Python function", "int"]),
        (int, ["plain Python function", "type"]),
        (lambda: 1.0, ["signature ()", "1 number"]),
        (lambda a, b: a, ["signature (a, b)", "1 number"]),
        (lambda *a: a[0], ["signature (*a)"]),
        (lambda z, **a: z, ["signature (z, **a)"]),
        (lambda z, *, k: z, ["signature (z, *, k)"]),
        (generator, ["signature (z)"]),
        (coroutine, ["signature (z)"]),
        (recursive, ["calls itself", "'recursive'"]),
        (raising, ["raises an exception"]),
        (lambda z: checking(z), ["raises an exception"]),
        (lambda z: nowhere(z), ["'nowhere'", "not defined"]),  # noqa: F821
        (with_an_empty_cell(), ["'later'", "not defined"]),
        (lambda z: anything["a"] * z, ["'anything'", "dict", "numbers"]),
        (lambda z: alike * z, ["'alike'", "Like", "numbers"]),
        (lambda z: os.getpid() * z, ["'os'", "module"]),
        (lambda z: Path(z), ["'Path'", "type"]),
    ],
)
def test_what_is_no_formula(function, words):
    with pytest.raises(TypeError, match=r"^cost ") as caught:
        freeze("cost", function, 1)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_names_of_parameters_count_where_a_formula_calls_by_them():
    def half(p, q):
        return p * p * 0.5 + q * 0

    def swapped(q, p):
        return q * q * 0.5 + p * 0

    def of(g):
        return lambda a, y: g(p=a - y, q=y * y)

    assert freeze("cost", of(half), 2).digest != freeze("cost", of(swapped), 2).digest
