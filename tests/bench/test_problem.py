"""The data of the benchmarks."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from bench.problems import problem


@pytest.fixture
def three_images(monkeypatch):
    monkeypatch.setattr(problem, "MNIST_SAMPLES", 3)


def test_mnist_is_noise_without_a_data_folder(monkeypatch, three_images):
    monkeypatch.delenv("NNLIB_DATA", raising=False)
    images = problem.mnist()
    assert images.X.shape == (3, 784)
    assert images.y.shape == (3, 10)
    assert np.ptp(images.X) > 0.9


def test_mnist_is_noise_where_the_folder_has_no_mnist(monkeypatch, three_images, tmp_path):
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    assert problem.mnist().X.shape == (3, 784)


def test_mnist_comes_from_the_idx_files(monkeypatch, three_images, tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (4, 784), np.uint8)
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(bytes(16) + pixels.tobytes())
    with gzip.open(folder / "train-labels-idx1-ubyte.gz", "wb") as file:
        file.write(bytes(8) + bytes([7, 0, 9, 1]))
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    images = problem.mnist()
    np.testing.assert_array_equal(images.X, pixels[:3] / 255)
    np.testing.assert_array_equal(images.y.argmax(axis=1), [7, 0, 9])
    np.testing.assert_array_equal(images.y.sum(axis=1), 1)


def test_exercise_starts_at_the_lecture_s_coefficients():
    flat = np.concatenate([part.ravel() for layer in problem.exercise().start for part in layer])
    np.testing.assert_array_equal(problem.coefficients(flat), [0, 1, 0, -1, 1, 1, -1])


def test_digits_are_whole_batches_of_real_images():
    digits = problem.digits()
    assert digits.X.shape == (1792, 64)
    assert digits.y.sum(axis=0).min() > 100
    assert (digits.X.min(), digits.X.max()) == (0, pytest.approx(1, abs=1e-3))


def test_what_is_predicted_are_the_first_rows():
    np.testing.assert_array_equal(problem.one_digit().X, problem.digits().X[:1])
    assert len(problem.many_images().X) == problem.MANY_ROWS
