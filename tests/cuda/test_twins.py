"""Twins have the names and the leading arguments of what they are twins of."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from nnlib.kernels.cuda.second_order import lbfgs
from nnlib.kernels.network import evaluate
from nnlib.kernels.second_order import objective

# The module, and of its twin's functions those that the CPU has too.
TWINS = {
    "formulas.activations": ["forward", "backward"],
    "formulas.losses": ["cost", "delta"],
    "layers.dense": ["forward", "delta", "gradient"],
    "layers.dropout": ["forward", "delta"],
    "network.propagate": ["forward", "backward", "cost_and_gradient"],
    "training.update": [],
}
# What the CPU's functions take for its own way to cut the work: threads, keys of blocks, budget.
OF_THE_CPU = {"key", "board", "member", "members"}
# What stands in its place on the GPU: its threads' scratch, the tile, what f' is a function of.
OF_THE_GPU = {"scratch", "stage", "precision", "draw", "kept", "activation", "lanes"}


def arguments(function):
    """Names of a kernel's arguments."""
    return list(inspect.signature(getattr(function, "py_func", function)).parameters)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in TWINS.items() for name in names]
)
def test_arguments_are_the_same(module, name):
    cpu = getattr(import_module(f"nnlib.kernels.{module}"), name)
    gpu = getattr(import_module(f"nnlib.kernels.cuda.{module}"), name)
    ours = [argument for argument in arguments(cpu) if argument not in OF_THE_CPU]
    theirs = [argument for argument in arguments(gpu) if argument not in OF_THE_GPU - set(ours)]
    assert theirs == ours


def test_loops_in_place_of_the_cpu_s_have_their_arguments():
    cpu = {**vars(objective), "squared_weights": evaluate.squared_weights}
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
