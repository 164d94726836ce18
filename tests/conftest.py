"""Fixtures that all tests share, and hypothesis' profiles."""

from __future__ import annotations

import os

import hypothesis
import numpy as np
import pytest

# No deadline: the first example of a dtype compiles. "ci" tries the same examples every time;
# "thorough" is for the day on which a kernel changes.
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    """Both dtypes, one after the other."""
    return np.dtype(request.param)


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    return np.random.default_rng(20)


@pytest.fixture
def exercise_data():
    """X and y of the lecture's exercise, 60 points."""
    i = np.arange(20) / 10
    return np.concatenate([i, 6 + i, 3 + i]), np.repeat([0.2, 0.2, 1.0], 20)


@pytest.fixture
def exercise_start():
    """W, b of both layers at the start of the lecture's exercise."""
    return [
        (np.array([[0.0], [0.0]]), np.array([1.0, -1.0])),
        (np.array([[1.0, 1.0]]), np.array([-1.0])),
    ]
