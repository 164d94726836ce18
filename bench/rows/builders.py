"""Rows of the table, made of programs and numbers of threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ..problems.workload import Form, Implementation, Prepare
from ..programs.threads import on_threads

# A second thread: tried wherever a library may gain by it.
EITHER: tuple[int | None, ...] = (None, 1)
# Forms, and the numbers of threads that each is tried on.
Programs: TypeAlias = tuple[Mapping[str, Prepare], Sequence[int | None]]


def row(
    prepare: Prepare, dtype: str = "float64", threads: int | None = None, **facts: Any
) -> Implementation:
    """A row of one form, on so many threads, or on all processors."""
    return Implementation(forms({"": prepare}, (threads,)), dtype, **facts)


def forms(programs: Mapping[str, Prepare], threads: Sequence[int | None]) -> dict[str, Form]:
    """Each program on each number of threads; the number is named where there are several."""
    return {
        ", ".join(filter(None, (name, _threads_text(number) if len(threads) > 1 else ""))): Form(
            prepare if number is None else on_threads(number, prepare), number
        )
        for number in threads
        for name, prepare in programs.items()
    }


def _threads_text(number: int | None) -> str:
    return "all processors" if number is None else f"{number} thread"
