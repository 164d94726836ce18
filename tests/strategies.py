"""Networks and data sets for hypothesis: shapes, activations, dtypes, settings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import nnlib
from nnlib.checks.values import OF_CLASSES, OF_PROBABILITIES
from nnlib.layers.formulas import loss_family
from nnlib.model.arguments import LOGITS
from tests import reference
from tests.devices import amount

# The last pair is wide enough for gemm, as first layer and as a later one, or on the simulator of
# GPUs for products by many blocks.
WIDE = amount([[40], [36, 30], [33, 35, 5]], [[10], [9, 9], [5, 10, 5]])
HIDDEN = st.one_of(st.lists(st.integers(1, 9), max_size=3), st.sampled_from(WIDE))


@dataclass
class Case:
    """A network given by arrays, data for it, and the arguments that its methods share."""

    sizes: list
    activations: list
    dtype: str
    layers: list  # (W, b) in that dtype
    X: np.ndarray
    Y: np.ndarray
    settings: dict  # reduction, weight_decay
    loss: str = "half_squared_error"

    def network(self, dtype=None):
        """The network, in its own dtype or another one."""
        return nnlib.Network(
            self.sizes,
            activation=self.activations,
            loss=self.loss,
            dtype=dtype or self.dtype,
            initializer=self.layers,
        )

    @property
    def terms(self):
        """The longest sum that a cost or a gradient takes."""
        return len(self.X) + max(self.sizes)

    @property
    def depth(self):
        """How many sums follow each other, forward and back."""
        return 2 * len(self.layers)

    def distance_to_a_kink(self):
        """Smallest distance of a unit, or of an error, from where f'', or J'', does not exist."""
        distances = [np.inf]
        for x, y in zip(self.X, self.Y, strict=True):
            zs, outputs = reference.forward(self.layers, self.activations, x)
            for z, name in zip(zs, self.activations, strict=True):
                if name in ("relu", "leaky_relu", "elu", "heaviside"):
                    distances.append(np.min(np.abs(z)))
            if self.loss == "absolute_error":
                distances.append(np.min(np.abs(outputs[-1] - y)))
            if self.loss == "huber":
                distances.append(np.min(np.abs(np.abs(outputs[-1] - y) - 1)))
            if self.loss == "hinge":
                distances.append(np.min(np.abs(outputs[-1] * y - 1)))
        return min(distances)


def targets(generator, loss, n, d_out):
    """Targets that a loss has a meaning for; classes as rows of probabilities."""
    loss = loss_family(loss)
    if loss == "poisson":
        return generator.poisson(2, size=(n, d_out))
    if loss in OF_PROBABILITIES:
        return generator.choice([0, 0.25, 1], size=(n, d_out))
    if loss == "hinge":
        return generator.choice([-1, 1], size=(n, d_out))
    if loss in OF_CLASSES:
        # Eighths are exact in either dtype, so the rows add up to exactly 1.
        return generator.multinomial(8, np.full(d_out, 1 / d_out), size=n) / 8
    return generator.normal(size=(n, d_out))


@st.composite
def cases(draw, losses=("half_squared_error",)):
    """Any network of up to four layers with any activations, one of the losses, and some data."""
    loss = draw(st.sampled_from(losses))
    fewest = 2 if loss in OF_CLASSES else 1
    sizes = [draw(st.integers(1, amount(35, 10))), *draw(HIDDEN), draw(st.integers(fewest, 5))]
    names = [draw(st.sampled_from(list(reference.ACTIVATIONS))) for _ in sizes[1:]]
    if loss in LOGITS:
        names[-1] = draw(st.sampled_from(LOGITS[loss]))
    dtype = draw(st.sampled_from(["float64", "float32"]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    layers = [
        (
            generator.normal(size=(d_out, d_in), scale=d_in**-0.5).astype(dtype),
            generator.normal(size=d_out, scale=0.5).astype(dtype),
        )
        for d_in, d_out in itertools.pairwise(sizes)
    ]
    n = draw(st.integers(1, 20))
    return Case(
        sizes=sizes,
        activations=names,
        dtype=dtype,
        layers=layers,
        X=generator.normal(size=(n, sizes[0])).astype(dtype),
        Y=targets(generator, loss, n, sizes[-1]).astype(dtype),
        settings={
            "reduction": draw(st.sampled_from(["mean", "sum"])),
            "weight_decay": draw(st.sampled_from([0.0, 0.125])),
        },
        loss=loss,
    )
