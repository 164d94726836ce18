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

    Examples
    --------
    >>> import nnlib
    >>> net = nnlib.Network([1, 1], "identity")
    >>> try:
    ...     history = net.descent([0, 9], [1, 3], learning_rate=1.0)
    ... except nnlib.DivergenceError as error:
    ...     print(len(error.history.J) == error.epoch + 1, net.parameters.max() < float("inf"))
    True True
    """

    def __init__(self, message: str, epoch: int, history: History) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.history = history

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.epoch, self.history)


class FormatError(ValueError):
    """A file is damaged, of another version, or not what was to be read; the message says which.

    Examples
    --------
    >>> import nnlib
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.safetensors")
    ...     size = path.write_bytes(b"something else")
    ...     try:
    ...         nnlib.load(path)
    ...     except nnlib.FormatError:
    ...         print("not a model")
    not a model
    """


class DeviceError(RuntimeError):
    """A device cannot be used; the message says what is missing and how to install it.

    Examples
    --------
    >>> import nnlib
    >>> try:
    ...     device = nnlib.Network([1, 1], device="cuda").device
    ... except nnlib.DeviceError as error:
    ...     device = "cpu"
    """
