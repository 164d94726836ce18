"""Junk calls: every public function with values of every kind for every argument.

    python -m tests.junk --calls 20000 --seed 1

A call either works or is refused by TypeError, ValueError or an error of nnlib's own; a refused one
leaves network, optimizer and generator as they were; what is nonsense for an argument's kind is
refused; none hangs.
"""

from __future__ import annotations

import argparse
import inspect
import numbers
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal

import numpy as np

import nnlib
from nnlib import activations, course, losses, optimizers, schedules, text
from tests.junk_values import EXTREMES, POOL, X, Y

# A call that takes longer hangs; the first ones compile.
PATIENCE_SECONDS = 120
SLOW_SECONDS = 5
ALLOWED = (
    TypeError, ValueError, nnlib.DivergenceError, nnlib.FormatError, nnlib.DeviceError,
)  # fmt: skip


class HangError(BaseException):
    """A call did not come back."""


WHOLE = {
    "epochs", "batch_size", "seed", "patience", "callback_epochs", "n", "trace", "every", "memory",
    "k", "size", "threads", "tbptt",
}  # fmt: skip
REAL = {
    "weight_decay", "l1", "max_norm", "clip_norm", "clip_value", "tolerance", "target_cost",
    "max_seconds", "checkpoint_seconds", "halving", "rate", "factor", "power", "final", "highest",
    "rise", "divide", "divide_end", "beta1", "beta2", "epsilon", "rho", "momentum", "shrink",
    "grow", "shortest", "longest", "damping", "decrease", "increase", "most_damping",
    "gradient_tolerance", "cost_tolerance", "delta", "tau", "label_smoothing", "gamma",
}  # fmt: skip
FLAG = {"shuffle", "partial", "compile", "resume", "bootstrap"}
NAME = {"reduction", "loss", "device", "precision"}
ARRAY = {"X", "y", "sample_weight", "parameters"}
# Writing files is another test's subject (the fuzzers of files); figures are drawn by matplotlib.
LEFT_OUT = {"checkpoint", "resume", "ax", "others"}


def is_nonsense(argument, value):
    """Whether no reader would say that the value fits the argument."""
    if value is None:
        return False
    bare = isinstance(value, np.ndarray) and value.ndim == 0
    value = value[()] if bare else value
    boolean = isinstance(value, (bool, np.bool_))
    if argument in WHOLE:
        return boolean or not isinstance(value, (int, np.integer)) or not 0 <= value < 2**64
    if argument in REAL:
        number = isinstance(value, (numbers.Real, np.floating, np.integer, Decimal))
        number = number and not isinstance(value, np.timedelta64)
        if isinstance(value, np.generic):
            value = value.item()
        return boolean or not number or not (0 <= value <= sys.float_info.max)
    if argument in FLAG:
        return not boolean
    if argument in NAME:
        return not isinstance(value, str) and not (
            argument == "loss" and isinstance(value, losses.Loss)
        )
    if argument in ARRAY:
        return isinstance(value, (str, bytes, complex, dict, set, type)) or _is_bad_array(value)
    return False


def _is_bad_array(value):
    if not isinstance(value, np.ndarray):
        return False
    if np.ma.is_masked(value) or value.dtype.kind not in "biuf":
        return True
    return value.size < 100 and not np.isfinite(value).all()


class Target:
    """A function, an object to call it on, and arguments with which it works."""

    def __init__(self, name, function, arguments, subject=None):
        self.name, self.function, self.arguments, self.subject = name, function, arguments, subject
        parameters = list(inspect.signature(function).parameters)[bool(subject) :]
        self.names = [name for name in parameters if name not in LEFT_OUT]

    def call(self, net, population, changes):
        """With some arguments replaced."""
        subject = {"net": [net], "population": [population]}.get(self.subject, [])
        return self.function(*subject, **{**self.arguments, **changes})


def targets():
    """Everything public that takes arguments and neither reads nor writes files."""
    network, data = {"sizes": [2, 3, 1]}, {"X": X, "y": Y}
    many = {"net": [2, 3, 1], **data, "n": 2, "epochs": 2, "trace": 2}
    of_network, of_population = nnlib.Network, nnlib.Population
    found = [
        *[Target("Network", of_network, network)] * 3,
        *[Target("descent", of_network.descent, {**data, "epochs": 2}, "net")] * 8,
        *[Target("train_many", _train_many, many)] * 8,
        Target("F", of_network.F, {"X": X}, "net"),
        Target("J", of_network.J, data, "net"),
        Target("derJ", of_network.derJ, data, "net"),
        Target("to", of_network.to, {"device": "cpu"}, "net"),
        Target("parameters", _assign, {}, "net"),
        Target("Population.F", of_population.F, {"X": X}, "population"),
        Target("Population.predict", of_population.predict, {"X": X}, "population"),
        Target("predict", of_network.predict, {"X": X}, "net"),
        Target("score", of_network.score, data, "net"),
        Target("Population.top", of_population.top, {"k": 1}, "population"),
        Target("set_threads", _set_threads, {"threads": 1}),
        Target("Vocabulary", text.Vocabulary, {"words": ["a"]}),
        Target("most_frequent", text.Vocabulary.most_frequent, {"texts": ["a"], "size": 1}),
        Target("encode", text.Vocabulary(["a"]).encode, {"texts": ["a"]}),
        Target("indices", text.Vocabulary(["a"]).indices, {"text": "a"}),
        Target("layers", course.layers_3_3_4_2_1, {}),
        Target("run", _run_system, {}),
    ]
    for kind in optimizers.OPTIMIZERS.values():
        if fields(kind):
            found.append(Target(kind.__name__, _trained_by(kind), {}))
    for kind in losses.FAMILIES.values():
        found.append(Target(kind.__name__, _measured_by(kind), {}))
    own = {"derivative": lambda z: 1.0}
    found.append(Target("activations.Custom", activations.Custom, {"function": lambda z: z, **own}))
    own = {"derivative": lambda a, y: 1.0}
    found.append(Target("losses.Custom", losses.Custom, {"cost": lambda a, y: a, **own}))
    good = {"rate": 0.1, "every": 1, "factor": 0.5, "epochs": 1, "then": 0.1, "highest": 0.1}
    for kind in vars(schedules).values():
        if isinstance(kind, type) and issubclass(kind, schedules.Schedule) and fields_of(kind):
            given = {name: good[name] for name in fields_of(kind) if name in good}
            found.append(Target(kind.__name__, _trained_along(kind), given))
    return found


def fields_of(kind):
    """Names of a dataclass' fields, or nothing."""
    return [field.name for field in fields(kind)] if hasattr(kind, "__dataclass_fields__") else []


def _train_many(
    net, X, y=None, n=None, seeds=None, grid=None, activation=None, loss=None, dtype=None,
    initializer=None, sample_weight=None, folds=None, bootstrap=False, halving=None, trace=50,
    seed=0, device=None, optimizer="sgd", learning_rate=None, epochs=1000, reduction="mean",
    weight_decay=0.0, l1=0.0, max_norm=None, dropout=None, clip_norm=None, clip_value=None,
    batch_size=None, shuffle=True, validation=None, patience=None, tolerance=0.0, target_cost=None,
    max_seconds=None, callback=None, progress=None, **others,
):  # fmt: skip
    given = {name: value for name, value in locals().items() if name not in ("others", "net")}
    return nnlib.train_many(net, **given, **others)


def _assign(net, parameters=None):
    net.parameters = parameters if parameters is not None else np.zeros(13)


def _set_threads(threads):
    try:
        nnlib.set_threads(threads)
    finally:
        nnlib.set_threads(None)


def _run_system(learning_rate=0.1, epochs=2, reduction="sum", **others):
    settings = {"learning_rate": learning_rate, "epochs": epochs, "reduction": reduction}
    return course.exercise().run(**settings, **others)


def _trained_by(kind):
    def train(**settings):
        optimizer = kind(**settings)
        return nnlib.Network([2, 3, 1], "tanh").descent(X, Y, optimizer=optimizer, epochs=2)

    train.__signature__ = inspect.signature(kind)
    return train


def _measured_by(kind):
    def measure(**settings):
        loss = kind(**settings)
        return nnlib.Network([2, 3, 2], ["tanh", "identity"], loss).J(X, np.eye(2)[[0, 1] * 4])

    measure.__signature__ = inspect.signature(kind)
    return measure


def _trained_along(kind):
    def train(**settings):
        schedule = kind(**settings)
        return nnlib.Network([2, 3, 1], "tanh").descent(X, Y, learning_rate=schedule, epochs=2)

    train.__signature__ = inspect.signature(kind)
    return train


class Junk:
    """Calls with a seed, and what was found wrong with them."""

    def __init__(self, seed):
        self._generator = np.random.default_rng(seed)
        self._targets = targets()
        self._population = nnlib.train_many([2, 3, 1], X, Y, n=2, epochs=2)
        self.findings = []
        self.slow = []  # no findings: the first call of a kind compiles
        self.outcomes = Counter()

    def run(self, calls):
        """So many calls."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(calls):
                self._one()

    def _one(self):
        generator = self._generator
        target = self._targets[generator.integers(len(self._targets))]
        names = [*target.names, "lr"] if generator.random() < 0.05 else target.names
        count = 1 + int(generator.random() < 0.3)
        chosen = generator.choice(names, size=min(count, len(names)), replace=False)
        changes = {str(name): self._value(str(name)) for name in chosen}
        net = trained_network()
        before = memory_of(net)
        start = time.perf_counter()
        problem = None
        try:
            with guard():
                target.call(net, self._population, changes)
            outcome = "accepted"
            wrong = [name for name, value in changes.items() if is_nonsense(name, value)]
            if wrong:
                problem = f"nonsense accepted for {', '.join(wrong)}"
        except ALLOWED as error:
            outcome = type(error).__name__
            diverged = isinstance(error, nnlib.DivergenceError)
            if not diverged and memory_of(net) != before:
                problem = f"a network that is half updated after {error!r:.200}"
            elif not str(error):
                problem = f"{outcome} without a word"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = type(error).__name__
            problem = "".join(traceback.format_exception(error)[-4:])[-1500:]
        seconds = time.perf_counter() - start
        self.outcomes[outcome] += 1
        if problem:
            self.findings.append((target.name, shown(changes), problem))
        elif seconds > SLOW_SECONDS:
            self.slow.append((target.name, shown(changes), round(seconds, 1)))

    def _value(self, name):
        """A value of the pool that the argument may be given without harm to the test."""
        while True:
            value = POOL[self._generator.integers(len(POOL))]()
            if (
                name in WHOLE | REAL | {"learning_rate", "dropout"}
                and self._generator.random() < 0.4
            ):
                value = EXTREMES[self._generator.integers(len(EXTREMES))]
            if name == "callback" and callable(value):
                continue  # it is one
            if name == "compile" and isinstance(value, (bool, np.bool_)):
                continue  # takes seconds, and has tests of its own
            return value


def trained_network():
    """A network that has an optimizer's memory to lose."""
    net = nnlib.Network([2, 3, 1], "tanh", seed=1)
    net.descent(X, Y, optimizer="adam", epochs=1)
    return net


def memory_of(net):
    """All that a descent changes, as bytes."""
    memory = net._memory
    arrays = [net.parameters, net._generator, memory.first, memory.second]
    return b"".join(array.tobytes() for array in arrays), memory.steps


def shown(changes):
    """Arguments, short enough for a terminal."""
    parts = []
    for name, value in changes.items():
        try:
            parts.append(f"{name}={value!r:.80}")
        except Exception:
            parts.append(f"{name}={type(value).__name__}")
    return ", ".join(parts)


@contextmanager
def guard():
    """Ends a call that hangs, where the system can."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def late(number, frame):
        raise HangError

    earlier = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


def main():
    """Report what was found, and fail if that is anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    junk = Junk(options.seed)
    junk.run(options.calls)
    for finding in junk.findings:
        print("\n".join(map(str, finding)), end="\n\n")
    for name, arguments, seconds in junk.slow:
        print(f"{seconds} s, compilation included: {name}({arguments})")
    print(dict(junk.outcomes), f"{len(junk.findings)} findings")
    return 1 if junk.findings else 0


if __name__ == "__main__":
    sys.exit(main())
