"""Which engine an argument ``cluster`` names."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

from ..checks.names import hint
from ..checks.values import shown
from .engine import Engine
from .executors import OnExecutor

_NAMES = ("ray", "dask", "loky")
_WANTED = (
    "'ray', 'dask', the address of either ('ray://…', 'tcp://…'), a Dask Client, a backend of "
    "joblib, or a concurrent.futures.Executor"
)


def engine_for(cluster: Any) -> Engine:
    """The engine, connected.

    Parameters
    ----------
    cluster : str, distributed.Client, Executor or Engine
        "ray" is the Ray in use, or one that runs on this machine, or one started here; "dask" the
        client in use, or one started here; "loky" joblib's own processes. An address that begins
        with ``ray://`` is Ray's, with ``tcp://``, ``tls://`` or ``ucx://`` Dask's; other names are
        joblib's backends. An engine is taken as it is.

    Raises
    ------
    TypeError, ValueError
        For anything else, and for an executor that is shut down.
    ImportError
        If the engine is not installed.
    """
    if isinstance(cluster, Engine):
        return cluster
    if isinstance(cluster, Executor):
        return OnExecutor(cluster)
    if isinstance(cluster, str):
        return _named(cluster)
    if type(cluster).__module__.partition(".")[0] == "distributed" and hasattr(cluster, "scatter"):
        from .on_dask import OnDask

        return OnDask(cluster)
    raise TypeError(f"cluster must be {_WANTED}; got {shown(cluster)}")


def _named(name: str) -> Engine:
    """The engine of a name or an address."""
    if name == "ray" or name.startswith("ray://"):
        from .on_ray import OnRay

        return OnRay(None if name == "ray" else name)
    if name == "dask" or name.startswith(("tcp://", "tls://", "ucx://")):
        from .on_dask import OnDask, client_at, client_here

        return OnDask(client_here()) if name == "dask" else OnDask(client_at(name), ours=True)
    backends = _backends()
    if name == "loky" and name in backends:
        from joblib.externals.loky import get_reusable_executor

        return OnExecutor(get_reusable_executor())
    if name in backends:
        from .on_joblib import OnJoblib

        return OnJoblib(name)
    names = dict.fromkeys((*_NAMES, *backends))
    raise ValueError(f"cluster is {name!r}, wanted {_WANTED}{hint('cluster', name, names)}")


def _backends() -> list[str]:
    """The names that joblib knows now; none without joblib."""
    try:
        from joblib.parallel import BACKENDS
    except ImportError:
        return []
    return [name for name in BACKENDS if name not in ("ray", "dask", "sequential")]
