"""The progress bar of long descents."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

# Shorter descents end before a bar could be read.
DELAY_SECONDS = 0.5


class Progress:
    """A tqdm bar over epochs, or nothing where there is no terminal or no tqdm.

    Parameters
    ----------
    epochs : int
        The bar's full length.
    wanted : bool or None
        True: always, and ImportError without tqdm. False: never. None: if standard error is a
        terminal and tqdm is installed.
    delay : float or None
        Seconds before the bar appears; None: `DELAY_SECONDS`.
    label : str
        What stands before it.

    Examples
    --------
    >>> with Progress(10, False) as bar:
    ...     bar.update(5, 0.25)
    """

    def __init__(
        self,
        epochs: int,
        wanted: bool | None,
        *,
        delay: float | None = None,
        label: str = "",
    ) -> None:
        self._bar: Any = None
        if wanted is False or (wanted is None and not _is_terminal()):
            return
        try:
            from tqdm import tqdm
        except ImportError:
            if wanted:
                raise ImportError("progress=True needs tqdm: pip install tqdm") from None
            return
        wait = DELAY_SECONDS if delay is None else delay
        self._bar = tqdm(
            total=epochs, unit=" epochs", unit_scale=True, delay=wait, desc=label, leave=False
        )

    def update(
        self, epoch: int, cost: float | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Show that `epoch` epochs are done, and the last one's cost and metrics."""
        if self._bar is not None:
            if cost is not None:
                shown = {"J": cost, **(metrics or {})}
                texts = {name: f"{value:.4g}" for name, value in shown.items()}
                self._bar.set_postfix(texts, refresh=False)
            self._bar.update(epoch - self._bar.n)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
