"""An architecture's tables with the addresses of compiled code, which no other process may see."""

from __future__ import annotations

from typing import Any


class LinkedTables(dict[Any, Any]):
    """Tables by what they are used for; a copy or a pickle of an architecture begins with none.

    >>> import pickle
    >>> pickle.loads(pickle.dumps(LinkedTables({True: 1})))
    {}
    """

    def __reduce__(self) -> tuple[type[LinkedTables], tuple[()]]:
        return LinkedTables, ()
