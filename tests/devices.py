"""What the tests ask of a device: sizes that its simulator can bear, and what only the CPU has."""

from __future__ import annotations

import re

import numba

SIMULATED = bool(numba.config.ENABLE_CUDASIM)

# Why a test is skipped with --device cuda: what `pytest.mark.cpu` is given.
CPU_ONLY = {
    "threads": "threads of the CPU, of which results must not depend",
    "kernels": "calls the CPU's kernels or looks into its engine; the GPU's are in tests/cuda",
    "lanes": "members in the lanes of a vector are the CPU's way to train a population",
    "compile": "compile=True writes a network out for the CPU",
    "levenberg_marquardt": "Levenberg-Marquardt runs on the CPU only",
    "lbfgs bits": "a network's L-BFGS steps on the CPU, a member's on the GPU: not the same bits",
    "sparse": "sparse examples are for the CPU",
    "graphs": "graphs that are no chains of layers run on the CPU only",
    "parts": "parts of a population, as on a cluster, train on processors",
    "data": "data larger than memory is read for the CPU",
    "groups": "members with rows of their own train on the CPU",
    "halving": "successive halving runs on the CPU only",
    "command": "python -m nnlib computes on the CPU",
    "formulas": "losses with settings and formulas of the user's own run on the CPU only",
    "host": "nothing of it runs on a device",
}
LARGE = "its reference is of a size that is too much for the simulator"
# Of packages and platforms, not of devices.
_ELSEWHERE = re.compile(r"could not import|Windows")


def amount(usual, simulated):
    """How many epochs, examples or members: the second under the simulator of GPUs."""
    return simulated if SIMULATED else usual


def may_skip(reason):
    """Whether a test may be skipped under the simulator: for want of a GPU it may not."""
    reason = reason.removeprefix("Skipped: ")
    return reason in (*CPU_ONLY.values(), LARGE) or bool(_ELSEWHERE.match(reason))
