"""Is a film review positive? A network of 1000 or 10 000 words, on the 50 000 reviews of IMDB.

    NNLIB_DATA=FOLDER python examples/imdb.py

FOLDER holds the folder aclImdb or the archive as it was downloaded, aclImdb_v1.tar.gz. Without it
the network reads reviews that are invented here. The figures show the cost and the words that speak
most for a film and against it. At the end the lecture's neuron of ten words judges three reviews in
French.

Source of the data: A. Maas et al., "Learning word vectors for sentiment analysis", ACL 2011.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nnlib
from nnlib import course
from nnlib.text import Vocabulary

ARCHIVE = "https://ai.stanford.edu/~amaas/data/sentiment"
NAMES = ("aclImdb", "aclImdb_v1.tar.gz", "aclImdb.tar.xz")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long a part takes."""
    start = time.perf_counter()
    yield
    print(f"{time.perf_counter() - start:6.2f} s  {what}")


def reviews() -> tuple[course.Reviews, course.Reviews]:
    """The training and the test reviews: the archive's, or invented ones."""
    folder = Path(os.environ.get("NNLIB_DATA", "."))
    for path in (folder / name for name in NAMES):
        if path.exists():
            with timed(f"to read {path.name}"):
                return course.read_all_reviews(path)
    print(f"{folder} has none of {', '.join(NAMES)}: get the archive from {ARCHIVE} and set")
    print("NNLIB_DATA. Until then: reviews that are invented here.")
    return course.invented_reviews(2000, seed=1), course.invented_reviews(1000, seed=2)


def judged(
    train: course.Reviews, test: course.Reviews, words: int, epochs: int
) -> tuple[nnlib.Network, Vocabulary, nnlib.History]:
    """A network of so many words, trained on the one part and tried on the other."""
    with timed(f"to find the {words} most frequent words and encode the training reviews"):
        vocabulary, X = Vocabulary.fit_encode(train.texts, words)
    with timed("to encode the test reviews"):
        X_test = vocabulary.encode(test.texts, sparse=True)
    net = nnlib.Network(
        [len(vocabulary), 16, 16, 1], ["relu", "relu", "sigmoid"], loss="binary_cross_entropy",
        dtype="float32", seed=0,
    )  # fmt: skip
    with timed(f"to train for {epochs} epochs"):
        history = net.descent(
            X, train.positive, optimizer="adam", learning_rate=0.001, batch_size=512,
            epochs=epochs, validation=0.1,
        )  # fmt: skip
    with timed("to judge the test reviews"):
        right = (net.F(X_test)[:, 0] > 0.5) == (test.positive == 1)
    seconds = history.seconds / max(history.epochs, 1)
    print(
        f"{len(vocabulary)} words: {right.mean():.2%} of {len(right)} test reviews are judged "
        f"rightly; {seconds:.3f} s an epoch, {history.compile_seconds:.1f} s to compile"
    )
    return net, vocabulary, history


def words_figure(effects: list[course.WordEffect], count: int = 20) -> Any:
    """The words that push F most to either side."""
    from matplotlib.figure import Figure

    chosen = [*effects[:count], *effects[-count:]][::-1]
    figure = Figure(figsize=(7, 8), layout="constrained")
    ax = figure.subplots()
    colors = ["tab:green" if effect > 0 else "tab:red" for _, effect in chosen]
    ax.barh([word for word, _ in chosen], [effect for _, effect in chosen], color=colors)
    ax.tick_params(axis="y", labelsize=7)
    ax.set_xlabel("change of F by the word alone")
    ax.set_title("words for a film, and against it")
    return figure


def lecture() -> None:
    """Three reviews in French, judged by the lecture's ten words."""
    system = course.film_reviews()
    system.run()
    print("ten words in French:")
    for text in course.LECTURE_REVIEWS:
        F = system.network.F(course.TEN_WORDS.encode(text)).item()
        print(f"  {'positive' if F > 0.5 else 'negative'} ({F:.2f}): {text}")


def most_memory() -> str:
    """How much memory the program has taken at most; nothing where Python does not say it."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f", {memory / 2**30:.2f} GiB at most"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training reviews")
    parser.add_argument("--figures", type=Path, help="folder for the figures; left out: none")
    given = parser.parse_args()
    start = time.perf_counter()
    train, test = reviews()
    for words in (1000, 10_000):
        net, vocabulary, history = judged(train, test, words, given.epochs)
    effects = course.word_effects(net, vocabulary)
    print("for a film:", ", ".join(word for word, _ in effects[:10]))
    print("against it:", ", ".join(word for word, _ in effects[:-11:-1]))
    lecture()
    print(f"{time.perf_counter() - start:.1f} s in all{most_memory()}")
    if given.figures is not None:
        given.figures.mkdir(parents=True, exist_ok=True)
        figures = {"cost": history.plot().figure, "words": words_figure(effects)}
        for name, figure in figures.items():
            figure.savefig(given.figures / f"imdb_{name}.png", dpi=120)
            print(f"wrote {given.figures / f'imdb_{name}.png'}")


if __name__ == "__main__":
    main()
