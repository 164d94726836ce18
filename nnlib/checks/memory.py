"""What a call would take of the machine's memory, refused by name where it is more than all."""

from __future__ import annotations

import os

# Where the system does not say how much there is.
_MOST_MEMORY = 2**40


def check_memory(what: str, size: int) -> None:
    """Refuse what takes more bytes than the machine has.

    Where the system says nothing about that, more than a tebibyte.

    >>> check_memory("sizes is [9, 9]: its parameters", 2**60)
    Traceback (most recent call last):
    ...
    ValueError: sizes is [9, 9]: its parameters take 1073741824 GiB of memory, wanted at most ...
    """
    most = _MOST_MEMORY
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > most:
        raise ValueError(
            f"{what} take {size // 2**30} GiB of memory, wanted at most the machine's "
            f"{most // 2**30} GiB"
        )
