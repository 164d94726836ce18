"""The three buffers that a descent's kernels share on the GPU, and their copies on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.cuda.compile.jit import cuda
from ..kernels.cuda.network import problem as packed
from ..kernels.network import problem
from ..kernels.network.rules import RULES

Array = NDArray[Any]

# Places that the host has to know to judge whether a slice is done.
_WATCHED = ("costs", "validation_costs", "rates")


def settings_vector(settings: problem.Settings) -> Array:
    """The settings of a descent, as `packed.unpack_settings` reads them."""
    vector = np.zeros(packed.REALS_SIZE)
    vector[:RULES] = settings.rules
    chosen = settings.optimizer_settings
    vector[RULES : RULES + chosen.size] = chosen
    return vector


def total_bytes(header: packed.Header, itemsize: int) -> int:
    """What the three buffers of one network take."""
    header = packed.sized(header)
    table = packed.HEADER_SIZE + header.table_size
    return 8 * (table + header.integers + header.reals) + itemsize * header.vectors


class Buffers:
    """The three buffers of some networks, on the host and, after `upload`, on the GPU.

    What the kernels of a single network write before they read it, the gradients of blocks and the
    tile in global memory, comes last and is on the GPU only: it can be hundreds of megabytes.
    """

    def __init__(self, header: packed.Header, table: Array, dtype: Any, networks: int = 1) -> None:
        header = packed.sized(header)
        self._integers = np.zeros(
            packed.HEADER_SIZE + table.size + networks * header.integers, np.int64
        )
        self._reals = np.zeros(networks * header.reals)
        self._there = networks * header.vectors
        scratch = header.blocks * header.size + header.tile_size
        assert networks == 1 or not scratch
        self._vectors = np.zeros(self._there - scratch, dtype)
        self._integers[: packed.HEADER_SIZE] = header
        self._integers[packed.HEADER_SIZE : packed.HEADER_SIZE + table.size] = table
        self.host = self._integers, self._reals, self._vectors
        self._sizes = header.integers, header.reals, header.vectors
        self._first = packed.HEADER_SIZE + table.size, 0, 0

    def network(self, number: int) -> tuple[packed.Model, packed.DescentState, packed.Parts]:
        """Views of the host's buffers, one network's part."""
        return packed.unpack(*self.host, number)

    def settings(self, number: int) -> Array:
        """View of a network's settings, as `settings_vector` gives them."""
        first = number * self._sizes[1]
        return self._reals[first : first + packed.REALS_SIZE]

    def rows(self, place: Array) -> Array:
        """A part of all networks, (networks, size), from a view of the first network's."""
        if not place.size:
            return place
        number, start = self._locate(place)
        first, size = self._first[number], self._sizes[number]
        start -= first
        return self.host[number][first:].reshape(-1, size)[:, start : start + place.size]

    def _locate(self, place: Array) -> tuple[int, int]:
        """Which buffer a view belongs to, and where it begins there."""
        number = next(i for i in range(3) if place.base is self.host[i])
        buffer = self.host[number]
        return number, (place.ctypes.data - buffer.ctypes.data) // buffer.itemsize

    def download_integers(self) -> None:
        """Copy back where the networks stand."""
        self._device[0].copy_to_host(self.host[0])

    def upload(self) -> tuple[Any, ...]:
        """Copy the buffers to the GPU; returns those there."""
        vectors = cuda.device_array(self._there, self._vectors.dtype)
        vectors[: self._vectors.size].copy_to_device(self._vectors)
        self._device = cuda.to_device(self._integers), cuda.to_device(self._reals), vectors
        return self._device

    def download(self) -> None:
        """Copy everything back."""
        for there, buffer in zip(self._device, self.host, strict=True):
            there[: buffer.size].copy_to_host(buffer)

    def send(self, place: Array, values: Array) -> None:
        """Copy values to a part of the buffers, given by its view."""
        number, first = self._locate(place)
        self._device[number][first : first + place.size].copy_to_device(values)

    def fetch(self, place: Array) -> Array:
        """Copy back a part of the buffers, given by its view; returns the view."""
        if place.size:
            number, first = self._locate(place)
            self._device[number][first : first + place.size].copy_to_host(place)
        return place


class Memory:
    """Model and state of one network's descent, on the GPU and in the host's own arrays.

    Parameters
    ----------
    header : packed.Header
    settings : problem.Settings
    table, parameters : ndarray
    state : problem.DescentState
        The host's, which `upload` reads and the downloads write.
    order : ndarray
        Of the examples; empty if they are not shuffled.
    """

    def __init__(
        self,
        header: packed.Header,
        settings: problem.Settings,
        table: Array,
        parameters: Array,
        state: problem.DescentState,
        order: Array,
    ) -> None:
        self._buffers = Buffers(header, table, parameters.dtype)
        self._buffers.settings(0)[:] = settings_vector(settings)
        model, inner, parts = self._buffers.network(0)
        inner.own[1] = settings.dropout_seed
        self._state, self._places = state, inner
        # Pairs of the host's array and its place in the buffers.
        self._pairs: dict[str, tuple[Array, Array]] = {
            "parameters": (parameters, model.parameters),
            "position": (state.position, inner.position),
            "numbers": (state.numbers, inner.numbers),
            "costs": (state.costs, inner.costs),
            "validation_costs": (state.validation_costs, inner.validation_costs),
            "rates": (state.rates, inner.rates),
            "first": (state.first, inner.first),
            "second": (state.second, inner.second),
            "best": (state.best, parts.best),
            "generator": (state.generator.view(np.int64), inner.generator),
            "order": (order, inner.order),
        }

    def upload(self) -> tuple[Any, ...]:
        """Copy everything to the GPU; returns the three buffers there."""
        for array, place in self._pairs.values():
            place[...] = array
        return self._buffers.upload()

    def download(self, names: Sequence[str]) -> None:
        """Copy back the arrays of these names, or everything."""
        if not names:
            self._buffers.download()
        for array, place in (self._pairs[name] for name in names or self._pairs):
            array[...] = self._buffers.fetch(place) if names else place

    def download_progress(self) -> None:
        """Copy back where the descent stands, and the costs and rates of the epochs since."""
        before = int(self._state.position[problem.EPOCH])
        self._state.position[:] = self._buffers.fetch(self._places.position)
        self._state.numbers[:] = self._buffers.fetch(self._places.numbers)
        epochs = slice(before, int(self._state.position[problem.EPOCH]) + 1)
        for name in _WATCHED:
            part = getattr(self._places, name)[epochs]
            getattr(self._state, name)[epochs] = self._buffers.fetch(part)
