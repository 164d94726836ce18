"""What an architecture finds out as it is used: tables with addresses, and how arrays are read.

No other process may see the addresses of compiled code.
"""

from __future__ import annotations

from typing import Any


class LinkedTables(dict[Any, Any]):
    """Tables by what they are used for; a copy or a pickle of an architecture begins with none.

    Attributes
    ----------
    readings : dict
        An `ArrayReading` by the shape of an example.

    >>> import pickle
    >>> pickle.loads(pickle.dumps(LinkedTables({True: 1})))
    {}
    """

    def __init__(self, *tables: Any) -> None:
        super().__init__(*tables)
        self.readings: dict[Any, Any] = {}

    def __reduce__(self) -> tuple[type[LinkedTables], tuple[()]]:
        return LinkedTables, ()
