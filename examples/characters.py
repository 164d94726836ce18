"""A network that learns a text character by character, and writes one like it.

    NNLIB_DATA=FOLDER python examples/characters.py

FOLDER holds text.txt, a text of some 100 000 characters or more. Without it the network reads the
manual of Python's language, which Python itself ships (pydoc_data). At every character it says how
likely each one is to come next; the loss is the cross entropy at all of them. To write, a character
is drawn by these probabilities and read as the next one, by `Network.stepper`. The figures show the
cost, and the probabilities along a line of the test text.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnlib
from nnlib import layers

Array = NDArray[Any]

LENGTH = 64  # characters of an example
PART = 32  # over how many of them δ goes back


def text(characters: int) -> str:
    """The text to learn, at most so many characters."""
    path = Path(os.environ.get("NNLIB_DATA", ".")) / "text.txt"
    print(f"put a text as {path} to get its style")
    if path.exists():
        found = path.read_text(encoding="utf-8")
    else:
        from pydoc_data.topics import topics

        print("it is not there: the network reads Python's manual")
        found = "\n".join(topics.values())
    return found[:characters]


def trained(numbers: Array, kinds: int, epochs: int) -> tuple[nnlib.Network, nnlib.History]:
    """A network that tells at each of these characters how likely each of the kinds follows."""
    count = (len(numbers) - 1) // LENGTH
    X = numbers[: count * LENGTH].reshape(count, LENGTH)
    y = numbers[1 : count * LENGTH + 1].reshape(count, LENGTH)
    net = nnlib.Network(
        [
            layers.Input((None,)),
            layers.Embedding(kinds, 24),
            layers.GRU(96, return_sequences=True),
            layers.TimeDistributed(layers.Dense(kinds, "softmax")),
        ],
        loss="softmax_cross_entropy", dtype="float32", seed=0,
    )  # fmt: skip
    history = net.descent(
        X, y, optimizer="adam", learning_rate=0.005, batch_size=32, epochs=epochs, clip_norm=1.0,
        tbptt=PART,
    )  # fmt: skip
    return net, history


def written(net: nnlib.Network, known: str, begin: str, length: int, temperature: float) -> str:
    """A text of so many characters behind a beginning; low temperatures dare less."""
    rng, stepper = np.random.default_rng(0), net.stepper()
    probabilities = stepper.read([known.index(character) for character in begin])[-1]
    found = begin
    for _ in range(length):
        likely = probabilities.astype(np.float64) ** (1 / temperature)
        number = int(rng.choice(len(known), p=likely / likely.sum()))
        found += known[number]
        probabilities = stepper(number)
    return found


def bits(net: nnlib.Network, numbers: Array) -> float:
    """How many bits a character of a text takes, if its probability decides."""
    likely = net.stepper().read(numbers[:-1])[np.arange(len(numbers) - 1), numbers[1:]]
    return float(-np.log2(likely).mean())


def line_figure(net: nnlib.Network, known: str, numbers: Array) -> Any:
    """How likely the characters are that follow, along a line."""
    from matplotlib.figure import Figure

    likely = net.stepper().read(numbers)[:-1].T
    rows = np.sort(np.argsort(likely.max(axis=1))[-25:])
    figure = Figure(figsize=(11, 5), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(likely[rows], aspect="auto", cmap="viridis", vmin=0, vmax=1)
    ax.set_yticks(range(len(rows)), [repr(known[row])[1:-1] for row in rows], fontsize=7)
    ax.set_xticks(range(len(numbers) - 1), [repr(known[k])[1:-1] for k in numbers[1:]], fontsize=7)
    ax.set_xlabel("the character that follows")
    ax.set_title("how likely each character is to follow what stands to the left")
    figure.colorbar(image, ax=ax)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=15, help="passes over the text")
    parser.add_argument("--characters", type=int, default=200_000, help="how much of it is read")
    parser.add_argument("--figures", type=Path, help="folder for the figures; left out: none")
    given = parser.parse_args()
    start = time.perf_counter()
    # A pass takes a second for each 100 000 characters: two are for a try.
    whole = text(given.characters if given.epochs > 2 else 20_000)
    known = "".join(sorted(set(whole)))
    numbers = np.array([known.index(character) for character in whole])
    train, test = np.split(numbers, [len(numbers) * 9 // 10])
    net, history = trained(train, len(known), given.epochs)
    seconds = history.seconds / max(history.epochs, 1)
    print(
        f"{len(train)} characters of {len(known)} kinds, {net.parameters.size} parameters: "
        f"{seconds:.2f} s an epoch, {history.compile_seconds:.1f} s to compile"
    )
    shares = np.bincount(train, minlength=len(known)) / len(train)
    blind = -np.sum(shares[shares > 0] * np.log2(shares[shares > 0]))
    print(
        f"{bits(net, test):.2f} bits a character of the test text; {blind:.2f} by frequency alone"
    )
    before = time.perf_counter()
    sample = written(net, known, whole[:20], 400, temperature=0.6)
    print(f"{(time.perf_counter() - before) / 400 * 1e6:.0f} µs for each character of this text:")
    print(sample)
    print(f"{time.perf_counter() - start:.1f} s in all")
    if given.figures is not None:
        given.figures.mkdir(parents=True, exist_ok=True)
        figures = {"cost": history.plot().figure, "line": line_figure(net, known, test[:80])}
        for name, figure in figures.items():
            figure.savefig(given.figures / f"characters_{name}.png", dpi=120)
            print(f"wrote {given.figures / f'characters_{name}.png'}")


if __name__ == "__main__":
    main()
