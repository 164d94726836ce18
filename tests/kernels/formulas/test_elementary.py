"""The elementary functions: at most 4 ulp over the whole range, exact limits, vectorised loops."""

from __future__ import annotations

import platform
import re

import mpmath
import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.formulas import elementary
from tests.tolerances import ULPS


@entry
def exp(out, x):
    for i in range(out.size):
        out[i] = elementary.exp(x[i])


@entry
def expm1(out, x):
    for i in range(out.size):
        out[i] = elementary.expm1(x[i])


@entry
def log(out, x):
    for i in range(out.size):
        out[i] = elementary.log(x[i])


@entry
def log1p(out, x):
    for i in range(out.size):
        out[i] = elementary.log1p(x[i])


@entry
def sigmoid(out, x):
    for i in range(out.size):
        out[i] = elementary.sigmoid(x[i])


@entry
def tanh(out, x):
    for i in range(out.size):
        out[i] = elementary.tanh(x[i])


FUNCTIONS = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "sigmoid": sigmoid,
    "tanh": tanh,
}
# The same in the arithmetic of NumPy's longdouble, whose 64 bits of mantissa are a 2048th of a
# float64's ulp.
WIDER = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}
EXACT = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
}
# Below these, the function is not a finite number.
DOMAIN = {"log": 0.0, "log1p": -1.0}

HAS_WIDER_FLOAT = np.finfo(np.longdouble).nmant >= 63


def evaluate(name, x):
    out = np.full_like(x, np.nan)
    FUNCTIONS[name](out, x)
    return out


def ulps(result, exact):
    """Distance of `result` from `exact` in units of result's last place, subnormals included.

    Infinity counts as the number after the largest finite one, where rounding puts it.
    """
    info = np.finfo(result.dtype)
    overflow = np.ldexp(np.longdouble(1), info.maxexp)
    exact = np.clip(exact, -overflow, overflow)
    exponent = np.clip(np.frexp(exact)[1] - 1, info.minexp, info.maxexp - 1)
    unit = np.ldexp(np.longdouble(1), exponent - info.nmant)
    return np.abs(np.clip(result.astype(np.longdouble), -overflow, overflow) - exact) / unit


def multiple_precision_ulps(result, exact):
    """The same for one number and its value in mpmath."""
    info = np.finfo(result.dtype)
    overflow = mpmath.mpf(2) ** info.maxexp
    exact = min(exact, overflow)
    exponent = min(max(mpmath.frexp(exact)[1] - 1, info.minexp), info.maxexp - 1)
    unit = mpmath.mpf(2) ** (exponent - info.nmant)
    return abs(min(mpmath.mpf(float(result)), overflow) - exact) / unit


def assert_within_ulps(result, exact, x):
    error = ulps(result, exact)
    worst = np.argmax(np.where(np.isnan(error), np.inf, error))
    assert error[worst] <= ULPS, f"{error[worst]} ulp at x = {x[worst]!r}: {result[worst]!r}"


def every_exponent(dtype, count):
    """`count` numbers of each sign from 0 to the largest, evenly spaced in their bits."""
    integers = {4: np.int32, 8: np.int64}[dtype.itemsize]
    top = int(np.finfo(dtype).max.view(integers))
    # An odd step, so that the low bits vary too.
    bits = np.arange(0, top, (top // count) | 1, dtype=integers)
    positive = np.append(bits, integers(top)).view(dtype)
    return np.concatenate([positive, -positive])


def interesting_range(dtype, rng, count):
    """Numbers spread evenly over where the functions are neither 0 nor 1 nor infinite."""
    end = {4: 105.0, 8: 750.0}[dtype.itemsize]
    spans = [rng.uniform(-width, width, count) for width in (end, 40.0, 5.0, 1.0)]
    return np.concatenate(spans).astype(dtype)


def within_domain(name, x):
    """The arguments for which the function is a finite number."""
    return x[x > DOMAIN.get(name, -np.inf)]


def breakpoints(dtype):
    """Where k of the argument reduction changes, and where the formulas clamp or change."""
    ln2 = np.longdouble("0.693147180559945309417232121458")
    k = np.arange(-1080, 1081)
    changes = (k + np.longdouble(0.5)) * ln2
    # Overflow and underflow of exp, the formulas' own limits.
    limits_64 = [709.782712893384, 745.133219101941, 708.396418532264, 710, 746, 40, 20]
    limits_32 = [88.7228391, 103.972077, 87.3365448, 89, 104, 105, 18, 10]
    others = np.array([*limits_64, *limits_32])
    # Where log's k changes, 1 + x for log1p, and where its argument stops being subnormal.
    roots = np.ldexp(np.sqrt(np.longdouble(2)), np.arange(-30, 31))
    near_log = np.concatenate([roots, roots - 1, [1, np.finfo(dtype).tiny]])
    return np.concatenate([changes, changes / 2, others, -others, near_log]).astype(dtype)


def neighbours(x, distance):
    """Every x with the `distance` floating-point numbers before and after it."""
    integers = {4: np.int32, 8: np.int64}[x.itemsize]
    offsets = np.arange(-distance, distance + 1, dtype=integers)
    return (x.view(integers)[:, None] + offsets).ravel().view(x.dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_4_ulp_over_the_whole_range(name, dtype, rng):
    if dtype == np.float64 and not HAS_WIDER_FLOAT:
        pytest.skip("longdouble is no wider than float64 here; the mpmath test still holds")
    x = np.concatenate(
        [
            every_exponent(dtype, 300_000),
            interesting_range(dtype, rng, 200_000),
            neighbours(breakpoints(dtype), 8),
        ]
    )
    x = within_domain(name, x)
    with np.errstate(over="ignore", under="ignore"):
        exact = WIDER[name](x.astype(np.longdouble))
    assert_within_ulps(evaluate(name, x), exact, x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_4_ulp_of_multiple_precision(name, dtype, rng):
    x = np.concatenate(
        [
            every_exponent(dtype, 500),
            interesting_range(dtype, rng, 250),
            neighbours(rng.choice(breakpoints(dtype), 100), 2),
        ]
    )
    if name not in DOMAIN:
        # Beyond ±10 000 every limit is reached, and e^(1e300) would have too many digits.
        x = np.clip(x, -1e4, 1e4)
    x = within_domain(name, x)
    with mpmath.workprec(200):
        for argument, result in zip(x, evaluate(name, x), strict=True):
            error = multiple_precision_ulps(result, EXACT[name](mpmath.mpf(float(argument))))
            assert error <= ULPS, f"{error} ulp at x = {argument!r}: {result!r}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_stays_nan(name, dtype):
    # Beside a NaN in every lane, in case a vector register treats it differently from the tail.
    x = np.full(33, np.nan, dtype)
    x[::2] = 0.5
    result = evaluate(name, x)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(x))


@pytest.mark.parametrize(
    ("name", "below", "at_zero", "above"),
    [
        ("exp", 0.0, 1.0, np.inf),
        ("expm1", -1.0, 0.0, np.inf),
        ("sigmoid", 0.0, 0.5, 1.0),
        ("tanh", -1.0, 0.0, 1.0),
    ],
)
def test_limits_are_exact(name, below, at_zero, above, dtype):
    largest = np.finfo(dtype).max
    x = np.array([-np.inf, -largest, 0.0, -0.0, largest, np.inf], dtype)
    expected = np.array([below, below, at_zero, at_zero, above, above], dtype)
    np.testing.assert_array_equal(evaluate(name, x), expected)


@pytest.mark.parametrize("name", DOMAIN)
def test_limits_of_the_logarithms(name, dtype):
    edge = dtype.type(DOMAIN[name])
    below = np.nextafter(edge, dtype.type(-np.inf))
    x = np.array([np.inf, edge, below, -np.finfo(dtype).max, -np.inf], dtype)
    expected = [np.inf, -np.inf, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(evaluate(name, x), expected)
    assert evaluate(name, edge + np.ones(1, dtype))[0] == 0


def test_logarithm_of_negative_zero(dtype):
    x = np.array([-0.0], dtype)
    assert evaluate("log", x)[0] == -np.inf
    assert evaluate("log1p", x)[0] == 0


def test_tanh_keeps_the_sign_of_zero(dtype):
    result = evaluate("tanh", np.array([0.0, -0.0], dtype))
    np.testing.assert_array_equal(np.signbit(result), [False, True])


def test_subnormal_results_are_not_flushed_to_zero(dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    x = np.array([np.log(np.float64(np.finfo(dtype).tiny)) - 3], dtype)
    for name in ("exp", "sigmoid"):
        result = evaluate(name, x)
        assert smallest < result[0] < np.finfo(dtype).tiny
    for name in ("tanh", "expm1", "log1p"):
        assert evaluate(name, np.array([smallest]))[0] == smallest


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_loop_is_vectorised(name, dtype):
    function = FUNCTIONS[name]
    evaluate(name, np.zeros(64, dtype))
    function.recompile()  # code that comes from the cache has no assembly to show
    signature = next(s for s in function.signatures if s[0].dtype.name == dtype.name)
    assembly = function.inspect_asm(signature)
    suffix = {4: "ps", 8: "pd"}[dtype.itemsize]
    assert re.search(rf"\bv?mul{suffix}\b", assembly), "no packed multiplication"
    if name not in ("exp", "expm1"):
        assert re.search(rf"\bv?div{suffix}\b", assembly), "no packed division"
    assert not re.search(r"\$(?:exp|tanh|log|log1p|expm1)f?\b", assembly), "calls the C library"
