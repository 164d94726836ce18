"""The data of the benchmarks."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from bench import problem


@pytest.fixture
def three_digits(monkeypatch):
    monkeypatch.setattr(problem, "DIGIT_SAMPLES", 3)


def test_digits_are_noise_without_a_data_folder(monkeypatch, three_digits):
    monkeypatch.delenv("NNLIB_DATA", raising=False)
    digits = problem.digits()
    assert digits.X.shape == (3, 784)
    assert digits.y.shape == (3, 10)
    assert np.ptp(digits.X) > 0.9


def test_digits_are_noise_where_the_folder_has_no_mnist(monkeypatch, three_digits, tmp_path):
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    assert problem.digits().X.shape == (3, 784)


def test_digits_come_from_the_idx_files(monkeypatch, three_digits, tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (4, 784), np.uint8)
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(bytes(16) + pixels.tobytes())
    with gzip.open(folder / "train-labels-idx1-ubyte.gz", "wb") as file:
        file.write(bytes(8) + bytes([7, 0, 9, 1]))
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    digits = problem.digits()
    np.testing.assert_array_equal(digits.X, pixels[:3] / 255)
    np.testing.assert_array_equal(digits.y.argmax(axis=1), [7, 0, 9])
    np.testing.assert_array_equal(digits.y.sum(axis=1), 1)


def test_exercise_starts_at_the_lecture_s_coefficients():
    flat = np.concatenate([part.ravel() for layer in problem.exercise().start for part in layer])
    np.testing.assert_array_equal(problem.coefficients(flat), [0, 1, 0, -1, 1, 1, -1])
