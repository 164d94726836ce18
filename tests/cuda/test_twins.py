"""Twins have the names and the arguments of what they are twins of."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import get_type_hints

import pytest

from nnlib.kernels.compile import memory
from nnlib.kernels.cuda.second_order import lbfgs
from nnlib.kernels.network import evaluate
from nnlib.kernels.second_order import objective

# The module, and of its twin's functions those that the CPU has too.
TWINS = {
    "formulas.activations": ["forward", "backward"],
    "formulas.losses": ["cost", "delta"],
    "layers.dense": ["forward", "delta", "gradient"],
    "layers.dropout": ["forward", "delta"],
    "network.propagate": ["layer_at", "forward", "backward", "cost_and_gradient"],
    "training.update": [],
}
# The CPU makes these kernels, one for each code; the GPU's have the code as an argument.
MADE = ("formulas.activations", "formulas.losses")
# What the GPU has beside: its threads' scratch, the tile, what f' is a function of, the loss that
# the CPU's table has an address of.
OF_THE_GPU = {"scratch", "stage", "precision", "draw", "kept", "activation", "loss", "lanes"}


def python_of(function):
    """The function as it is written."""
    return getattr(function, "py_func", function)


def arguments(function):
    """Names of a kernel's arguments."""
    return list(inspect.signature(python_of(function)).parameters)


def fields(function):
    """The same, of a NamedTuple the names of its fields."""
    names = []
    for name, kind in get_type_hints(python_of(function)).items():
        if name != "return":
            names += list(getattr(kind, "_fields", [name]))
    return names


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in TWINS.items() for name in names]
)
def test_arguments_are_the_same(module, name):
    cpu = getattr(import_module(f"nnlib.kernels.{module}"), name)
    gpu = getattr(import_module(f"nnlib.kernels.cuda.{module}"), name)
    if module in MADE:
        ours = [*arguments(cpu(1)), "code"]
        theirs = [argument for argument in arguments(gpu) if argument not in OF_THE_GPU - set(ours)]
        assert theirs == ours
    else:
        ours = fields(cpu)
        theirs = [name for name in fields(gpu) if name not in OF_THE_GPU]
        assert theirs
        assert set(theirs) <= set(ours)


def test_loops_in_place_of_the_cpu_s_have_their_arguments():
    cpu = {**vars(objective), "squared_weights": evaluate.squared_weights, "copy": memory.copy}
    for name, loop in lbfgs.LOOPS.items():
        assert arguments(loop) == arguments(cpu[name]), name
        assert loop.__name__ == name


def test_every_name_that_both_have_is_compared():
    for module, names in TWINS.items():
        cpu = vars(import_module(f"nnlib.kernels.{module}"))
        gpu = vars(import_module(f"nnlib.kernels.cuda.{module}"))
        own = {
            name
            for name, value in gpu.items()
            if callable(value)
            and (getattr(getattr(value, "py_func", value), "__module__", None) or "").endswith(
                f"cuda.{module}"
            )
            and not isinstance(value, type)
        }
        assert own & cpu.keys() == set(names), module
