"""Recurrent states at steps that do not count: there the state before, and no δ, is chosen."""

from __future__ import annotations

from ..compile.jit import Vector, kernel
from ..compile.memory import part
from .masks import left_out
from .recurrent import Memory


@kernel
def counts(memory: Memory, step: int, lanes: int) -> bool:
    """Whether any example counts this step of the input."""
    if not memory.mask.size:
        return True
    return left_out(part(memory.mask, step, lanes)) < lanes


@kernel
def leaves_out(memory: Memory, step: int, lanes: int) -> bool:
    """Whether any example does not count this step: where none does, there is nothing to choose."""
    if not memory.mask.size:
        return False
    return left_out(part(memory.mask, step, lanes)) > 0


@kernel
def choose(out: Vector, others: Vector, memory: Memory, step: int, lanes: int) -> None:
    """out ← others where the mask of this step of the input is 0; both are (units, lanes)."""
    if leaves_out(memory, step, lanes):
        mask, zero = part(memory.mask, step, lanes), out.dtype.type(0)
        for unit in range(out.size // lanes):
            values, given = part(out, unit, lanes), part(others, unit, lanes)
            for s in range(lanes):
                values[s] = values[s] if mask[s] != zero else given[s]


@kernel
def choose_zero(out: Vector, memory: Memory, step: int, lanes: int) -> None:
    """out ← 0 where the mask of this step of the input is 0; out is (units, lanes)."""
    if leaves_out(memory, step, lanes):
        mask, zero = part(memory.mask, step, lanes), out.dtype.type(0)
        for unit in range(out.size // lanes):
            values = part(out, unit, lanes)
            for s in range(lanes):
                values[s] = values[s] if mask[s] != zero else zero
