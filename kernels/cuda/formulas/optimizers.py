"""The twin of `kernels.formulas.optimizers`: a thread's step on its part of the vectors."""

from __future__ import annotations

from ...formulas import optimizers as cpu
from ..compile.jit import twin
from .ladders import of_one

add_penalties, clip_value = twin(cpu.add_penalties), twin(cpu.clip_value)
shrink_weights = twin(cpu.shrink_weights)
# (part, code): the step of the optimizer with this code.
step = of_one([twin(function) for function in cpu.STEPS.values()])
