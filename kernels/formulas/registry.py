"""Codes of formulas: places in a table, and digests of those that stand in none.

A formula of nnlib without parameters has its place in a table as its code. The code of a formula
with parameters, or of the user's own, follows from a digest of all that decides its results. The
code is the same in every process. No two formulas share a code, a symbol in machine code, or a file
in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

Record = TypeVar("Record", bound=Any)

# Codes from here on, of 62 bits, are digests: beyond every place in a table.
FIRST_DIGEST = 2**61


def digest_of(*parts: str) -> str:
    """A digest of texts, 32 hexadecimal digits; where one text ends and the next begins counts."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode()
        digest.update(f"{len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def code_of(digest: str) -> int:
    """The code that follows from a digest."""
    return FIRST_DIGEST + int(digest, 16) % FIRST_DIGEST


class Registry(Generic[Record]):
    """Formulas by their codes: those of a table, and those that were added in this process."""

    def __init__(self, table: Sequence[Record]) -> None:
        self._table = table
        self._added: dict[int, Record] = {}

    def of(self, code: int) -> Record:
        """The formula with this code."""
        return self._table[code] if code < FIRST_DIGEST else self._added[code]

    def add(self, record: Record) -> int:
        """The code of a formula that has a digest; the same one may be added again."""
        code = code_of(record.digest)
        known = self._added.setdefault(code, record)
        if known.digest != record.digest:
            raise RuntimeError(f"{known.name} and {record.name} have the same code {code}")
        return code
