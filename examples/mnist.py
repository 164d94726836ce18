"""LeNet-5 learns to read the handwritten digits of MNIST, to 99 of 100.

    NNLIB_DATA=FOLDER python examples/mnist.py

FOLDER/mnist holds the four files of the archive, as it is published: train-images-idx3-ubyte.gz,
train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz. Without them the
network reads digits of seven strokes, which are drawn here. The figures show the cost, the filters,
what the layers make of one image, and the images that the network gets wrong.

Source of the network: Y. LeCun et al., "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86 (1998); with max-pooling and rectifiers, as it is taught today.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nnlib
from nnlib import layers
from nnlib.figures.images import mosaic

Array = NDArray[Any]

ARCHIVE = "https://ossci-datasets.s3.amazonaws.com/mnist/"
NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
# Which of seven strokes a digit has: top, upper left, upper right, middle, lower left, lower right,
# bottom; and from which to which corner of a 3 × 2 grid each goes.
STROKES = ("1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010",
           "1111111", "1111011")  # fmt: skip
CORNERS = (
    ((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 1)), ((1, 0), (1, 1)), ((1, 0), (2, 0)),
    ((1, 1), (2, 1)), ((2, 0), (2, 1)),
)  # fmt: skip


class Digits(NamedTuple):
    """Images (n, 28, 28, 1) of uint8 and the digits (n,) on them."""

    X: Array
    y: Array


def read_idx(path: Path) -> Array:
    """The array in a file of the IDX format: two zeros, type, dimensions, sides, numbers."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is no IDX file of bytes: it begins with {content[:4]!r}")
    sides = [int.from_bytes(content[4 * k : 4 * k + 4], "big") for k in range(1, content[3] + 1)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(sides)).reshape(sides)


def mnist(folder: Path) -> tuple[Digits, Digits]:
    """The training and the test images of the archive."""
    files = [folder / f"{name}-ubyte.gz" for name in NAMES]
    missing = [path.name for path in files if not path.exists()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {', '.join(missing)}: get them from {ARCHIVE}")
    images, labels, test_images, test_labels = map(read_idx, files)
    return Digits(images[..., None], labels), Digits(test_images[..., None], test_labels)


def drawn(n: int, seed: int) -> Digits:
    """Digits of seven strokes at random places, in random sizes, slants and shades."""
    rng = np.random.default_rng(seed)
    y = rng.integers(10, size=n).astype(np.uint8)
    X = np.zeros((n, 28, 28, 1))
    along = np.linspace(0, 1, 15)[:, None]
    for image, digit in zip(X, y, strict=True):
        size = rng.uniform([7, 6], [10, 11])
        corner, slant = rng.uniform([3, 3], [6, 9]), rng.uniform(-0.25, 0.25)
        for stroke, (start, end) in zip(STROKES[digit], CORNERS, strict=True):
            if stroke == "1":
                place = corner + size * (np.array(start) * (1 - along) + np.array(end) * along)
                row, column = place[:, 0], place[:, 1] + slant * (14 - place[:, 0])
                for step in (0, 1):  # two pixels wide
                    image[row.astype(int) + step, np.clip(column.astype(int), 0, 26)] = 1
                    image[row.astype(int), np.clip(column.astype(int) + step, 0, 27)] = 1
    X = X * rng.uniform(0.6, 1.0, size=(n, 1, 1, 1)) + rng.uniform(0, 0.25, size=X.shape)
    return Digits((255 * np.minimum(X, 1)).astype(np.uint8), y)


def lenet() -> nnlib.Network:
    """Two convolutions, each with a pooling, and three dense layers."""
    return nnlib.Network(
        [
            layers.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 5, activation="relu", padding="same"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, "relu"),
            layers.Dense(84, "relu"),
            layers.Dense(10, "softmax"),
        ],
        loss="softmax_cross_entropy",
        dtype="float32",
    )


def wrong_figure(test: Digits, found: Array) -> Any:
    """The images that were read wrongly, with what was read and what is right."""
    from matplotlib.figure import Figure

    wrong = np.flatnonzero(found != test.y)
    figure = Figure(figsize=(9, 6), layout="constrained")
    ax = figure.subplots()
    if wrong.size:
        ax.imshow(mosaic(255.0 - test.X[wrong][..., 0], columns=16), cmap="gray")
    for number, place in enumerate(wrong):
        line, column = divmod(number, 16)
        text = f"{found[place]} ({test.y[place]})"
        ax.text(29 * column + 1, 29 * line + 5, text, color="tab:red", fontsize=7)
    ax.set_title(f"read wrongly: {wrong.size} of {len(found)}; read as (is)")
    ax.set_axis_off()
    return figure


def save_figures(net: nnlib.Network, history: nnlib.History, test: Digits, folder: Path) -> None:
    """The four figures, as PNG."""
    figures = {
        "cost": history.plot().figure,
        "filters": net.show_filters(),
        "activations": net.show_activations(test.X[0]),
        "wrong": wrong_figure(test, net.predict(test.X)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / f"mnist_{name}.png", dpi=120)
        print(f"wrote {folder / f'mnist_{name}.png'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=12, help="passes over the training images")
    parser.add_argument("--figures", type=Path, help="folder for the figures; left out: none")
    given = parser.parse_args()
    folder = Path(os.environ.get("NNLIB_DATA", ".")) / "mnist"
    try:
        train, test = mnist(folder)
    except FileNotFoundError as error:
        print(f"{error}, and set NNLIB_DATA. Until then: digits that are drawn here.")
        train, test = drawn(3000, seed=1), drawn(1000, seed=2)
    net = lenet()
    print(net.summary())
    start = time.perf_counter()
    history = net.descent(
        train.X, train.y, optimizer="adam", epochs=given.epochs, batch_size=64,
        learning_rate=nnlib.schedules.Cosine(0.002),
        callback=lambda report: print(f"epoch {report.epoch}: J = {report.J:.4f}"),
        callback_epochs=1,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    print(
        f"test accuracy {net.score(test.X, test.y):.2%} after {history.epochs} epochs of "
        f"{len(train.X)} images in {seconds:.1f} s, {history.compile_seconds:.1f} s of them to "
        "compile"
    )
    if given.figures is not None:
        save_figures(net, history, test, given.figures)


if __name__ == "__main__":
    main()
