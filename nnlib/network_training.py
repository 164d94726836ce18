"""From checked options to a descent of a network: its examples, its memory, its driver."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks.examples import Examples, as_data, counted, is_fraction, scaled, split_off
from .history import History
from .kernels.compile.duration import compile_seconds
from .model.function import NetworkFunction, examples_for
from .model.insight import NetworkInsight
from .optimizers import FullBatch
from .second_order import methods
from .second_order.minimised import Minimised
from .training.buffers import OptimizerState
from .training.contradictions import check_compiled
from .training.descent import Descent
from .training.options import Options

Array = NDArray[Any]


class NetworkTraining(NetworkInsight):
    """What a `Network` trains with, below its public method `descent`."""

    _memory: OptimizerState | None

    def _train(self, train: Examples, held_out: Examples | None, options: Options) -> History:
        """The descent, after the checks of what was given, and what it waited for kernels."""
        before = compile_seconds()
        history = self._trained(train, held_out, options)
        return replace(history, compile_seconds=compile_seconds() - before)

    def _trained(self, train: Examples, held_out: Examples | None, options: Options) -> History:
        """The descent by its optimizer's driver."""
        self._check_parameters()
        own = self.descent_architecture(options.dropout)
        table, units, code = own.training_table, own.units, own.loss_code
        if isinstance(options.optimizer, FullBatch):
            minimised = Minimised(table, self._parameters, units, code, train)
            return methods.run(minimised, options, self._device)
        if options.compile:
            check_compiled(table, self._parameters.size, code)
        generator = self._generator
        if options.seed is not None:
            generator = np.random.SeedSequence(options.seed).generate_state(4, np.uint64)
        memory, before = self._optimizer_memory(options), self._parameters.copy()
        try:
            if memory is not None and options.epochs:
                memory.prepare(self._parameters)
            descent = self._descent_class()(
                table,
                self._parameters,
                code,
                generator,
                train,
                held_out,
                options,
                memory,
                dropout_seed=self._dropout_seed if options.seed is None else options.seed,
            )
        except BaseException:
            self._parameters[:] = before
            raise
        kept, self._memory = self._memory, None  # a copy that a callback makes has none
        try:
            return descent.run()
        finally:
            self._memory = descent.memory() if options.epochs or memory is None else kept

    def _descent_class(self) -> type[Descent]:
        """The descent of the network's device."""
        if self._device == "cpu":
            return Descent
        from .training.cuda import CudaDescent

        return CudaDescent

    def _optimizer_memory(self, options: Options) -> OptimizerState | None:
        """What the optimizer remembers, if it is to go on."""
        if not options.partial or self._memory is None:
            return None
        if self._memory.optimizer != options.optimizer:
            raise ValueError(
                f"partial=True goes on with {self._memory.optimizer}, the optimizer of the last "
                f"descent; got optimizer={options.optimizer}"
            )
        return self._memory


def split(
    network: NetworkFunction, given: Examples, options: Options
) -> tuple[Examples, Examples | None]:
    """Training and validation examples: given apart, split off, or none.

    The weights given are as the user has them; each side is scaled by its own.
    """
    if options.validation is None:
        return scaled(given, options.mean), None
    if not is_fraction(options.validation):
        try:
            X, y = examples_for(network, *as_data(options.validation))
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation: {error}") from None
        return scaled(given, options.mean), Examples(X, y, np.empty(0, network.dtype))
    seed = options.seed if options.seed is not None else network.seed
    train, held_out = split_off(given, options.validation, seed, options.shuffle)
    split = f"validation={options.validation}"
    return (
        scaled(train, options.mean, f"that {split} leaves to train with"),
        counted(scaled(held_out, options.mean, f"that {split} holds out")),
    )
