"""Layer normalisation and batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import flag, real_number
from ..kernels.layers import batch_normalization, layer_normalization, masks
from ..kernels.layers.normalization import Normalization
from ..kernels.layers.operations import Row
from .layer import Layer
from .shaped import Parameters, Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class NormalizationLayer(ShapedLayer):
    """What the two have in common: γ x̂ + β, with a γ and a β for each channel, or without."""

    shape: Shape
    epsilon: float
    center: bool
    scale: bool

    @property
    def output_shape(self) -> Shape:
        return self.shape

    @property
    def parameters(self) -> dict[str, Parameters]:
        channels = self.shape[-1:]
        gamma = {"gamma": Parameters(channels, start=1.0)} if self.scale else {}
        return {**gamma, "beta": Parameters(channels)} if self.center else gamma

    @property
    def normalization(self) -> Normalization:
        """How the layer normalises, as kernels have it."""
        units, channels = units_of(self.shape), self.shape[-1]
        return Normalization(units, channels, self.epsilon, self.scale, self.center)


@dataclass(frozen=True)
class LayerNormalizationLayer(NormalizationLayer):
    """x̂ of every example by itself."""

    def described(self) -> tuple[str, dict[str, Any]]:
        own = {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return "LayerNormalization", own

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        source = place.sources[0].unit
        own = self.normalization
        return [layer_normalization.row(own, place.parameters, place.output, source)]


@dataclass(frozen=True)
class BatchNormalizationLayer(NormalizationLayer):
    """x̂ of the batch in a descent, by running averages elsewhere.

    steps: those of a sequence with a mask; 0: it has none.
    """

    momentum: float
    steps: int = 0
    looks_at_batches = True

    @property
    def parameters(self) -> dict[str, Parameters]:
        channels = self.shape[-1:]
        averages = {
            "moving_mean": Parameters(channels), "moving_variance": Parameters(channels, start=1.0)
        }  # fmt: skip
        return {**super().parameters, **averages}

    def described(self) -> tuple[str, dict[str, Any]]:
        return "BatchNormalization", {
            "momentum": self.momentum, "epsilon": self.epsilon, "center": self.center,
            "scale": self.scale,
        }  # fmt: skip

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        source, *mask = place.sources
        own = batch_normalization.row(
            self.normalization, self.momentum, place.parameters, place.output, source.unit,
            self.steps,
        )  # fmt: skip
        return [*(masks.row(self.steps, own.workspace, one.unit) for one in mask), own]


class LayerNormalization(Layer):
    """a = γ x̂ + β, x̂ = (x − μ) / √(σ² + ε), with μ and σ² over the last axis of an example.

    γ (channels,) starts at 1, β (channels,) at 0; neither decays. Source: J. L. Ba, J. R. Kiros and
    G. Hinton, "Layer normalization", arXiv 1607.06450 (2016).

    Parameters
    ----------
    epsilon : float
        ε > 0.
    center, scale : bool
        Whether there is β, and γ.
    name, trainable, rate_factor
        As for `Layer`.

    Raises
    ------
    ValueError
        If the last axis has one value: normalised it is 0, whatever it was.

    Examples
    --------
    >>> from nnlib import Network, layers
    >>> net = Network([layers.Input(2), layers.LayerNormalization()])
    >>> net.F([[1.0, 3.0]]).round(3)
    array([[-1.,  1.]])
    """

    keeps_mask = True

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor)
        self.epsilon = real_number("epsilon", epsilon, above=0)
        self.center, self.scale = flag("center", center), flag("scale", scale)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if shapes[0][-1] == 1:
            raise ValueError(
                f"{self!r} is called with a value of shape {shapes[0]}, wanted a last axis of at "
                "least 2 values: over a single one x − μ is always 0"
            )
        return LayerNormalizationLayer(shapes[0], self.epsilon, self.center, self.scale)

    def config(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, "center": self.center, "scale": self.scale}


class BatchNormalization(Layer):
    """a = γ x̂ + β, x̂ = (x − μ) / √(σ² + ε), with μ and σ² of each channel, the last axis.

    In a descent they are those of the batch: over its examples and all places of a value, in
    whatever parts threads compute it. An example with ``sample_weight`` 0 does not count, as if it
    were not there; other weights change nothing. Where sequences have a mask, μ and σ² are those
    of the steps that count, as in Keras 3, and all steps are normalised by them. If one value of a
    channel counts, σ² is 0 and a = β, as in Keras if a mask leaves one; a batch of one example is
    refused. After every batch
    the running averages m a + (1 − m) μ and m a + (1 − m) σ² are kept, as in Keras (σ² divided by
    n, not n − 1). `F`, `J`, `derJ` and the validation cost take them as constants in place of μ and
    σ²; so does a descent in which the layer is not trainable.

    γ (channels,) starts at 1, β (channels,) at 0; neither decays. The running averages are
    parameters too, ``moving_mean`` (channels,) and ``moving_variance`` (channels,), which start at
    0 and 1; the optimizer leaves them alone. A batch stays in memory as a whole, with all values
    that the network computes of it. Source: S. Ioffe and C. Szegedy, "Batch normalization",
    ICML 2015.

    Parameters
    ----------
    momentum : float
        m, 0 ≤ m < 1. PyTorch's momentum is 1 − m.
    epsilon : float
        ε > 0.
    center, scale : bool
        Whether there is β, and γ.
    name, trainable, rate_factor
        As for `Layer`.

    Examples
    --------
    >>> from nnlib import Network, layers
    >>> net = Network([layers.Input(1), layers.BatchNormalization(momentum=0.5)])
    >>> history = net.descent([1, 3], [0, 0], epochs=1)
    >>> net.layers[0].weights["moving_mean"], net.layers[0].weights["moving_variance"]
    (array([1.]), array([1.]))
    """

    reads_mask = keeps_mask = True

    def __init__(
        self,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor)
        self.momentum = real_number("momentum", momentum)
        if self.momentum >= 1:
            raise ValueError(
                f"momentum is {self.momentum!r}, wanted a number below 1, the share of the running "
                "averages that stays"
            )
        self.epsilon = real_number("epsilon", epsilon, above=0)
        self.center, self.scale = flag("center", center), flag("scale", scale)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        steps = shapes[1][0] if len(shapes) > 1 else 0
        return BatchNormalizationLayer(
            shapes[0], self.epsilon, self.center, self.scale, self.momentum, steps
        )

    def config(self) -> dict[str, Any]:
        return {
            "momentum": self.momentum, "epsilon": self.epsilon, "center": self.center,
            "scale": self.scale,
        }  # fmt: skip
