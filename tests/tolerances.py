"""How close two results must be: the one place where tests take tolerances from.

A sum of `terms` rounded products is off by at most terms · eps times the sum of their magnitudes
(Higham, Accuracy and Stability of Numerical Algorithms, §3.1), and each layer that it passes
through adds as much again. The elementary functions add their 4 ulp.
"""

from __future__ import annotations

import numpy as np

# What the elementary functions may be off by.
ULPS = 4
# Relative error of a number rounded to the 10 bits of TF32's fraction, or the 7 of BF16's.
ROUNDED = {"tf32": 2.0**-11, "bf16": 2.0**-8}


def tolerance(dtype, terms, depth=1):
    """Relative error of sums of `terms` products passed through `depth` layers."""
    return float(np.finfo(dtype).eps) * (terms + ULPS) * depth


def difference_step(magnitude=1.0):
    """The step h of a central difference in float64: its error h² meets rounding's eps/h."""
    return float(np.cbrt(np.finfo(np.float64).eps)) * magnitude


def difference_tolerance(terms, depth=1):
    """Error of a float64 central difference with that step: h² for truncation, twice over.

    The derivatives of third order grow with the layers they pass through.
    """
    return 2 * difference_step() ** 2 * (terms + ULPS) * depth


def product_tolerance(precision, dtype, terms):
    """Error of a sum of `terms` products of rounded factors, in parts of Σ |a| |b|."""
    return (1 + ROUNDED.get(precision, 0.0)) ** 2 - 1 + tolerance(dtype, terms)


def rounded(values, precision):
    """Values as tensor cores take them, ties to even; as they are for other precisions."""
    if precision not in ROUNDED:
        return values
    fraction, exponent = np.frexp(np.asarray(values, np.float64))  # fraction in [1/2, 1)
    return np.ldexp(np.round(fraction / ROUNDED[precision]) * ROUNDED[precision], exponent)


def assert_close(actual, expected, terms, depth=1, dtype=None):
    """Assert equality up to `tolerance`, relative to the largest value expected, or to 1."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    relative = tolerance(dtype or actual.dtype, terms, depth)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=relative * scale)


def winograd_tolerance(dtype, terms, output):
    """Error of Winograd's F(4 × 4, 3 × 3) in parts of `terms` products of the largest factors.

    With the absolute values of its matrices in place of them, an output is at most κ² times that
    many products: along an axis κ = max_i Σ_p |C_pi| ‖D_p‖ ‖E_p‖ in sums of magnitudes, where C
    belongs to what is computed, D and E to what is multiplied (A, G, B for outputs; G, A, B for a
    gradient). Every number passes through the sum and through six numbers along two axes three
    times. Matrices are those of Lagrange's interpolation at 0, ±3/4, ±3/2 and ∞.
    """
    points = np.array([0, 0.75, -0.75, 1.5, -1.5])
    values = np.vstack([np.vander(points, 6, increasing=True), np.eye(6)[5]])
    scales = np.array([np.prod([p - q for q in points if q != p]) for p in points] + [1.0])
    A = np.vstack([values[:5, :4], np.eye(4)[3]])
    G = np.vstack([values[:5, :3], np.eye(3)[2]]) / scales[:, None]
    B = np.linalg.inv(values).T * scales[:, None]
    sums = [np.abs(matrix).sum(axis=1) for matrix in (A, G, B)]
    made = np.abs(A if output else G)
    growth = np.max(made.T @ (np.prod(sums, axis=0) / sums[0 if output else 1]))
    return tolerance(dtype, terms + 3 * 2 * 6) * growth**2
