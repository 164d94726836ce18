"""The vector registers of the processor that Numba compiles for: their size and their number.

What holds sums in registers takes tiles that fit: a sum without a register is stored and loaded
again for every product.
"""

from __future__ import annotations

from numba import config

from .internals import binding


def _features() -> set[str]:
    """What the processor that Numba compiles for can do, by LLVM's names."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    if config.CPU_NAME == "generic":
        return set()
    features = binding.get_host_cpu_features()
    return {name for name, there in features.items() if there}


def _machine() -> tuple[int, int]:
    """Bytes of a vector register, and how many of them there are."""
    if binding.get_default_triple().startswith(("x86_64", "i686")):
        features = _features()
        if "avx512f" in features:
            return 64, 32
        return (32, 16) if "avx" in features else (16, 16)
    return 16, 32


REGISTER_BYTES, REGISTERS = _machine()
