"""What one option of a descent is: its default, its check, who refuses it, who records it.

The entries themselves are the fields of `options.Options`. All that depends on the set of options
reads them: the checks, the refusals, the grid of `train_many`, the fingerprint of a checkpoint.

A new option takes three places:

1. a field of `Options`, made by `option`;
2. a parameter of `Network.descent` with the same default;
3. its paragraph in the docstring there, and its name in that of `train_many` if a population
   takes it.

`tests/training/test_options.py` compares the three.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..checks.values import known_name, real_number, shown, whole_number

# From an option's name and value to the value that is used; raises for any that is not of its form.
Check = Callable[[str, Any], Any]
# The ways to train that leave some options out: optimizers of full batches, a kernel for one
# network alone (compile=True), the driver of nothing but gradient descent.
Way = Literal["full batch", "compiled", "plain", "streamed"]
EVERY_WAY: tuple[Way, ...] = ("full batch", "compiled", "plain")

# The history keeps up to 24 bytes an epoch, 2.4 GB of so many.
MOST_EPOCHS = 10**8


@dataclass(frozen=True)
class Option:
    """One option of `Network.descent`.

    Parameters
    ----------
    default : object
        As in the signature.
    check : callable
        Takes name and value, and returns the value in its one form.
    refused_by : tuple of {"full batch", "compiled", "plain"}
        The ways to train that have no use for it.
    refused_on : mapping from str to str
        The devices that cannot do it, each with the reason.
    population : {"varies", "shared", "absent"}
        Whether members of a population may differ in it, all share it, or have none.
    no_population : str
        Why `train_many` refuses it, for one that is absent; empty: the name is unknown there.
    fingerprint : {"text", "digest", "none"}
        How a checkpoint records it: by its text, by a digest of what the descent makes of it, or
        not at all, since it changes no bit of the result.
    """

    default: Any
    check: Check
    refused_by: tuple[Way, ...] = ()
    refused_on: Mapping[str, str] = field(default_factory=dict)
    population: Literal["varies", "shared", "absent"] = "shared"
    no_population: str = ""
    fingerprint: Literal["text", "digest", "none"] = "text"


def option(default: Any, check: Check, **others: Any) -> Any:
    """A field of a dataclass with the entry of one option; the arguments are those of `Option`."""
    return field(default=default, metadata={"option": Option(default, check, **others)})


def entries(options: type) -> dict[str, Option]:
    """The entries of a dataclass of options, by name, in the order of its fields.

    >>> @dataclass
    ... class Rules:
    ...     weight_decay: float = option(0.0, real_number)
    >>> entries(Rules)["weight_decay"].default
    0.0
    """
    return {own.name: own.metadata["option"] for own in dataclasses.fields(options)}


def optional(check: Check) -> Check:
    """The check of an option that may be None.

    >>> optional(positive)("clip_norm", None)
    >>> optional(positive)("clip_norm", 2)
    2.0
    """
    return lambda name, value: None if value is None else check(name, value)


def one_of(names: Iterable[str]) -> Check:
    """The check of an option that is one of some names.

    >>> one_of(["mean", "sum"])("reduction", "sum")
    'sum'
    """
    return lambda name, value: known_name(name, value, names)


def with_data(name: str, value: Any) -> Any:
    """The value as it is: its check needs the network or the data, and comes with them."""
    return value


def positive(name: str, value: Any) -> float:
    """A finite number above 0."""
    return real_number(name, value, above=0)


def count(name: str, value: Any) -> int:
    """A whole number from 1 on."""
    return whole_number(name, value, 1)


def epoch_number(name: str, value: Any) -> int:
    """How many epochs: the trace of all of them must fit into memory."""
    number = whole_number(name, value, 0)
    if number > MOST_EPOCHS:
        raise ValueError(
            f"{name} is {number}, wanted at most {MOST_EPOCHS}: the history of so many takes "
            f"{24 * number // 10**9} GB, 24 bytes an epoch; to go on, call descent again"
        )
    return number


def flag_or_none(name: str, value: Any) -> bool | None:
    """True, False or None."""
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"{name} must be True, False or None; got {shown(value)}")


def function(name: str, value: Any) -> Any:
    """What can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable; got {shown(value)}")
    return value
