"""Failures injected at every call by which nnlib reaches the system or allocates, one at a time.

As SQLite's tests do it: a run in which nothing fails counts the calls, then the k-th fails, for
every k, and either none or all after it. Calls of other libraries are neither counted nor failed.
"""

from __future__ import annotations

import builtins
import errno
import os
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import safetensors.numpy

_SYSTEM = [
    "open", "close", "write", "fsync", "replace", "stat", "lstat", "fstat", "fchmod", "scandir",
    "unlink",
]  # fmt: skip
_ALLOCATIONS = ["zeros", "empty", "full", "array", "arange", "zeros_like", "ascontiguousarray"]


class Faults:
    """Counts the calls while it is in force, and lets one of them fail.

    Parameters
    ----------
    number : int or None
        Of the call that fails; None: none does.
    lasting : bool
        Whether all calls after it fail too, as on a disk that was pulled out.
    """

    def __init__(self, number=None, lasting=False):
        self.calls = []
        self._number, self._lasting = number, lasting

    @contextmanager
    def in_force(self):
        with pytest.MonkeyPatch.context() as patch:
            for name in _SYSTEM:
                patch.setattr(os, name, self._counted(os, name, input_output))
            patch.setattr(builtins, "open", self._counted(builtins, "open", input_output))
            for name in _ALLOCATIONS:
                patch.setattr(np, name, self._counted(np, name, out_of_memory))
            for name in ("safe_open", "save"):
                function = self._counted(safetensors.numpy, name, out_of_memory)
                patch.setattr(safetensors.numpy, name, function)
            yield self

    def _fails(self, number):
        return self._number is not None and (
            number == self._number or (self._lasting and number > self._number)
        )

    def _counted(self, owner, name, error):
        function = getattr(owner, name)

        def call(*arguments, **settings):
            caller = sys._getframe(1)
            module = caller.f_globals.get("__name__", "")
            # pathlib and io call the system for nnlib.
            if module in ("pathlib", "io"):
                module = caller.f_back.f_globals.get("__name__", "")
            if not module.startswith("nnlib."):
                return function(*arguments, **settings)
            self.calls.append(f"{name} in {module}.{caller.f_code.co_name}")
            if self._fails(len(self.calls) - 1):
                if name == "close":  # the descriptor is closed all the same
                    function(*arguments)
                raise error()
            return function(*arguments, **settings)

        return call


def input_output():
    return OSError(errno.EIO, os.strerror(errno.EIO))


def out_of_memory():
    return MemoryError("none left")
