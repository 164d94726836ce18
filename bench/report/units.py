"""Numbers as the report writes them: three significant digits, times in a fitting unit."""

from __future__ import annotations

import math

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def significant(value: float) -> str:
    """Three significant digits, without an exponent.

    Examples
    --------
    >>> significant(1587.4), significant(12.3456), significant(0.0123456), significant(99.999)
    ('1590', '12.3', '0.0123', '100')
    """
    rounded = float(f"{value:.3g}")
    decimals = 2 - math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{rounded:.{max(0, decimals)}f}"


def in_unit(seconds: float) -> tuple[float, str]:
    """Number and name of the largest unit that leaves a number of at least 1.

    Examples
    --------
    >>> in_unit(0.25)
    (250.0, 'ms')
    """
    size, name = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return seconds / size, name


def time_text(seconds: float) -> str:
    """Seconds as the tables show them.

    Examples
    --------
    >>> time_text(4.15), time_text(3.39e-7), time_text(0.000538)
    ('4.15 s', '339 ns', '538 µs')
    """
    number, unit = in_unit(seconds)
    return f"{significant(number)} {unit}"


def quantity(value: float) -> str:
    """A count with the prefix of its unit.

    Examples
    --------
    >>> quantity(317_000), quantity(34.4e9), quantity(12)
    ('317 k', '34.4 G', '12.0 ')
    """
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{significant(value / size)} {prefix}"
    return f"{significant(value)} "
