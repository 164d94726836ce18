"""Is a film review positive? A recurrent network and a convolution read it word by word.

    NNLIB_DATA=FOLDER python examples/imdb_sequences.py

FOLDER holds the folder aclImdb or the archive as it was downloaded, aclImdb_v1.tar.gz. Without it
the networks read reviews that are invented here. `imdb.py` counts words; here their order counts.
A review is the numbers of its first words, 0 stands for padding. The figures show the costs, and
what the recurrent network thinks of a review after every word, by `Network.stepper`.

Source of the data: A. Maas et al., "Learning word vectors for sentiment analysis", ACL 2011.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import nnlib
from nnlib import course, layers, sequences
from nnlib.text import Vocabulary

Array = NDArray[Any]

ARCHIVE = "https://ai.stanford.edu/~amaas/data/sentiment"
NAMES = ("aclImdb", "aclImdb_v1.tar.gz", "aclImdb.tar.xz")
WORDS = 5000  # in the vocabulary
LENGTH = 100  # words of a review


def reviews() -> tuple[course.Reviews, course.Reviews]:
    """The training and the test reviews: the archive's, or invented ones."""
    folder = Path(os.environ.get("NNLIB_DATA", "."))
    for path in (folder / name for name in NAMES):
        if path.exists():
            return course.read_reviews(path, "train"), course.read_reviews(path, "test")
    print(f"{folder} has none of {', '.join(NAMES)}: get the archive from {ARCHIVE} and set")
    print("NNLIB_DATA. Until then: reviews that are invented here.")
    return course.invented_reviews(1000, seed=1), course.invented_reviews(500, seed=2)


def numbered(vocabulary: Vocabulary, texts: list[str]) -> Array:
    """The numbers of the first words, from 1 on, with 0 behind them; shape (n, LENGTH)."""
    found = [vocabulary.indices(text)[:LENGTH] or [0] for text in texts]
    return sequences.pad(found, length=LENGTH).X


def networks() -> dict[str, nnlib.Network]:
    """The two networks, not trained yet."""
    behind = {
        "GRU": [layers.GRU(32)],
        "convolution": [layers.Conv1D(32, 5, activation="relu"), layers.GlobalMaxPooling1D()],
    }
    return {
        name: nnlib.Network(
            [
                # Of any length; the recurrent layer passes over the padding.
                layers.Input((None,)),
                layers.Embedding(WORDS + 1, 16, mask_zero=name == "GRU"),
                *own,
                layers.Dense(1, "sigmoid"),
            ],
            loss="binary_cross_entropy", dtype="float32", seed=0,
        )
        for name, own in behind.items()
    }  # fmt: skip


def reading_figure(net: nnlib.Network, vocabulary: Vocabulary, text: str) -> Any:
    """What the network thinks after every word of a review."""
    from matplotlib.figure import Figure

    indices = vocabulary.indices(text)[:50]
    positive = net.stepper().read(indices)[:, 0]
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    ax = figure.subplots()
    ax.plot(positive, "o-", ms=3)
    ax.axhline(0.5, color="black", lw=0.7)
    ax.set_xticks(
        range(len(indices)), [vocabulary.words[k - 1] for k in indices], rotation=90, fontsize=8
    )
    ax.set_ylabel("probability of a positive review")
    ax.set_ylim(0, 1)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=4, help="passes over the training reviews")
    parser.add_argument("--figures", type=Path, help="folder for the figures; left out: none")
    given = parser.parse_args()
    start = time.perf_counter()
    train, test = reviews()
    vocabulary = Vocabulary.most_frequent(train.texts, WORDS)
    X, X_test = numbered(vocabulary, train.texts), numbered(vocabulary, test.texts)
    print(
        f"{time.perf_counter() - start:6.2f} s  to read and number {len(X) + len(X_test)} reviews"
    )
    histories, trained = {}, networks()
    for name, net in trained.items():
        history = histories[name] = net.descent(
            X, train.positive, optimizer="adam", learning_rate=0.002, batch_size=64,
            epochs=given.epochs,
        )  # fmt: skip
        right = (net.F(X_test)[:, 0] > 0.5) == (test.positive == 1)
        print(
            f"{history.seconds:6.2f} s  to train the {name} for {history.epochs} epochs, "
            f"{history.compile_seconds:.1f} s to compile: {right.mean():.2%} of {len(right)} test "
            "reviews are judged rightly"
        )
    print(f"{time.perf_counter() - start:.1f} s in all")
    if given.figures is not None:
        from matplotlib.figure import Figure

        given.figures.mkdir(parents=True, exist_ok=True)
        cost = Figure(layout="constrained")
        ax = cost.subplots()
        for name, history in histories.items():
            ax.plot(range(1, len(history.J) + 1), history.J, "o-", label=name)
        ax.set_xticks(range(1, given.epochs + 1))
        ax.set_xlabel("epoch")
        ax.set_ylabel("J")
        ax.legend()
        reading = reading_figure(trained["GRU"], vocabulary, test.texts[0])
        for name, figure in (("cost", cost), ("reading", reading)):
            figure.savefig(given.figures / f"imdb_sequences_{name}.png", dpi=120)
            print(f"wrote {given.figures / f'imdb_sequences_{name}.png'}")


if __name__ == "__main__":
    main()
