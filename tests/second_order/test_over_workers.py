"""Shards of rows that a worker keeps."""

from types import SimpleNamespace
from typing import Any

import pytest

from nnlib.second_order import over_workers


def test_descents_of_one_process_never_mix_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second descent takes the place while the first one reads; each sums up its own rows."""
    summed: list[bytes] = []
    parts = range(1)

    def descent(key: bytes) -> Any:
        return SimpleNamespace(key=key, lanes=4, dtype=float, table=None, loss=0, train=None)

    def ask(key: bytes) -> None:
        over_workers.shard_sum(descent(key), over_workers.Request(parts, [0.0]))  # type: ignore[arg-type]

    def read(shared: Any, _: range) -> Any:
        if shared.key == b"one" and not summed:
            ask(b"two")
        return SimpleNamespace(n=shared.key)

    def settings(**given: Any) -> None:
        summed.append(given["n"])

    def model(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(gradient=None)

    kernels = SimpleNamespace(PHASE=4, Settings=settings, evaluate=lambda *_: None)
    monkeypatch.setattr(over_workers, "_read", read)
    monkeypatch.setattr(over_workers, "linked", lambda *_: None)
    monkeypatch.setattr(over_workers, "buffers", SimpleNamespace(model=model))
    monkeypatch.setattr(over_workers, "objective", kernels)
    ask(b"one")
    ask(b"two")
    assert summed == [b"two", b"one", b"two"]
