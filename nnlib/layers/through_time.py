"""The host half of recurrent layers: their parameters, and the rows of the table that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kernels.formulas import activations
from ..kernels.formulas.activations import IDENTITY
from ..kernels.layers import convolution, gru, lstm, masked_steps, masks, simple_rnn
from ..kernels.layers.dropout import kept_part
from ..kernels.layers.operations import Row
from ..kernels.layers.recurrent import Recurrence
from ..kernels.layers.windows import Windows
from .shaped import Array, Draw, Fans, Parameters, Place, Shape, ShapedLayer

# How many gates each kind has.
GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
# Which of the LSTM's gates, i, f, c, o, forgets.
_FORGET = 1


@dataclass(frozen=True)
class RecurrentLayer(ShapedLayer):
    """W x + b of all steps by a convolution over single steps, then the way through the time.

    Attributes
    ----------
    kind : str
        Of `GATES`.
    features : int
        Values of a step.
    recurrence : Recurrence
        How it goes through the time.
    biased : bool
        Whether there are biases.
    forget_bias : float
        How the bias of an LSTM's gate f begins.
    recurrent_dropout : float
        With which probability a descent drops a value of the state that the products read.

    Examples
    --------
    >>> own = Recurrence(5, 4, 0, 0, 0, True, False, False, False, False)
    >>> layer = RecurrentLayer("SimpleRNN", 3, own, True)
    >>> layer.output_shape, layer.size
    ((5, 4), 32)
    """

    kind: str
    features: int
    recurrence: Recurrence
    biased: bool
    forget_bias: float = 0.0
    recurrent_dropout: float = 0.0

    @property
    def output_shape(self) -> Shape:
        own = self.recurrence
        return (own.time, own.units) if own.sequences else (own.units,)

    @property
    def sums(self) -> int:
        """How many sums a step makes: the gates of all units."""
        return GATES[self.kind] * self.recurrence.units

    @property
    def parameters(self) -> dict[str, Parameters]:
        units = self.recurrence.units
        weight = Parameters((self.sums, self.features), fans=Fans(self.features, self.sums))
        recurrent = Parameters((self.sums, units), fans=Fans(units, self.sums))
        bias = Parameters((self.sums,))
        arrays = {"weight": weight, **({"bias": bias} if self.biased else {})}
        arrays["recurrent_weight"] = recurrent._replace(initializer="orthogonal")
        if self.biased and self.kind == "GRU":
            arrays["recurrent_bias"] = bias
        return arrays

    def initialise(self, parameters: Array, draw: Draw) -> None:
        super().initialise(parameters, draw)
        if self.forget_bias:
            units = self.recurrence.units
            bias = self.arrays(parameters)["bias"]
            bias[_FORGET * units : (_FORGET + 1) * units] = self.forget_bias

    def described(self) -> tuple[str, dict[str, Any]]:
        own = self.recurrence
        arguments: dict[str, Any] = {
            "units": own.units, "activation": activations.of(own.activation).name,
            "return_sequences": own.sequences, "go_backwards": own.backwards,
            "aligned": own.aligned, "use_bias": self.biased,
            "recurrent_dropout": self.recurrent_dropout,
        }  # fmt: skip
        if self.kind != "SimpleRNN":
            arguments["recurrent_activation"] = activations.of(own.recurrent_activation).name
        if self.kind == "LSTM":
            arguments["unit_forget_bias"] = self.forget_bias > 0
        return self.kind, arguments

    @property
    def windows(self) -> Windows:
        """Windows of one step each, with a filter for each sum."""
        time = self.recurrence.time
        return Windows(1, time, self.features, self.sums, 1, 1, 1, 1, 1, 1, 0, 0, 1, time)

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        output, source, before = place.output, place.sources[0].unit, []
        if self.recurrence.masked:
            before = self._masked_rows(place)
            output, source = before[-1].end, before[-1].output
        inputs = convolution.row(
            self.windows, self.biased, IDENTITY, place.parameters, output, source
        )
        through = self._time_row(place.parameters + inputs.size, inputs.end, output)
        if self.recurrence.masked:
            mask = place.sources[1].unit
            before.append(masks.row(self.recurrence.time, through.workspace, mask))
        return [*before, inputs, through]

    def _masked_rows(self, place: Place) -> list[Row]:
        """The rows of the input with zeros where its steps do not count."""
        time, (source, mask) = self.recurrence.time, place.sources
        counted = masked_steps.row(time, self.features, place.output, source.unit)
        return [masks.row(time, counted.workspace, mask.unit), counted]

    def _time_row(self, parameters: int, output: int, source: int) -> Row:
        """The row of what goes through the time."""
        own, rate = self.recurrence, self.recurrent_dropout
        keep = kept_part(rate) if rate else 0
        if self.kind == "GRU":
            return gru.row(own, self.biased, keep, parameters, output, source)
        row = lstm.row if self.kind == "LSTM" else simple_rnn.row
        return row(own, keep, parameters, output, source)
