"""Networks and data sets for hypothesis: shapes, activations, dtypes, settings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import nnlib
from tests import reference

# The last pair is wide enough for BLAS, as first layer and as a later one.
HIDDEN = st.one_of(
    st.lists(st.integers(1, 9), max_size=3), st.sampled_from([[40], [36, 30], [33, 35, 5]])
)


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

    def network(self, dtype=None):
        """The network, in its own dtype or another one."""
        return nnlib.Network(
            self.sizes,
            activation=self.activations,
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
        """Smallest |z| of a unit whose activation has no derivative at 0."""
        distances = [np.inf]
        for x in self.X:
            zs, _ = reference.forward(self.layers, self.activations, x)
            for z, name in zip(zs, self.activations, strict=True):
                if name in ("relu", "heaviside"):
                    distances.append(np.min(np.abs(z)))
        return min(distances)


@st.composite
def cases(draw):
    """Any network of up to four layers with any activations, and some data for it."""
    sizes = [draw(st.integers(1, 35)), *draw(HIDDEN), draw(st.integers(1, 5))]
    names = [draw(st.sampled_from(list(reference.ACTIVATIONS))) for _ in sizes[1:]]
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
        Y=generator.normal(size=(n, sizes[-1])).astype(dtype),
        settings={
            "reduction": draw(st.sampled_from(["mean", "sum"])),
            "weight_decay": draw(st.sampled_from([0.0, 0.125])),
        },
    )
