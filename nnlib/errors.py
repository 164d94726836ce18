"""The library's own exceptions."""

from __future__ import annotations

from .history import History


class DivergenceError(ArithmeticError):
    """The cost became NaN or infinite during a descent.

    The network keeps the last parameters whose cost was finite.

    Attributes
    ----------
    epoch : int
        The epoch, counted from 0, in which it happened.
    history : History
        The trace up to there; its last cost is the one that is not finite, unless the last step
        of the descent spoiled the parameters themselves.
    """

    def __init__(self, message: str, epoch: int, history: History) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.history = history

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.epoch, self.history)


class FormatError(ValueError):
    """A file is damaged, of another version, or not what was to be read; the message says which."""
