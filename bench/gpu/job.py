"""One job of a run, in a process of its own: ``python -m bench.gpu.job NAME …``.

Every row is guarded: what fails leaves a row with its error, what the time does not reach one that
says so.
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from nnlib.kernels.cuda.compile.jit import SIMULATED

from . import ceilings as limits
from . import checks, transfers
from .measure import cases, program, rows
from .measure.cases import Case
from .measure.program import Program
from .measure.rows import FAILED, SKIPPED, Row
from .programs import jax_populations, nnlib_descents, pytorch_populations, pytorch_single


class Job:
    """What the rows of a job need: the time, the size, where the peers compute."""

    def __init__(self, seconds: float, folder: Path, tiny: bool) -> None:
        self.deadline = time.monotonic() + seconds
        self.tiny, self._folder = tiny, folder
        # Under the simulator the peers are checked on the processor, and nothing is timed.
        self.peers = "cpu" if SIMULATED else "cuda"
        self.compiler = "aot_eager" if SIMULATED else "inductor"

    def row(self, case: Case, name: str, make: Callable[[], Program]) -> Row:
        """Prepare, compare and time one program."""
        if time.monotonic() > self.deadline:
            return Row(case.section, case.name, name, SKIPPED, message="the job's time was over")
        try:
            reference = cases.reference(case, self._folder)
            return program.row(case, name, make(), reference, self.deadline, not SIMULATED)
        except Exception as error:
            traceback.print_exc()
            return Row(case.section, case.name, name, FAILED, message=_first_line(error))

    def forms(self, names: Sequence[str]) -> list[str]:
        """Those of a program's forms that can be had: CUDA graphs need a GPU."""
        return [name for name in names if not (SIMULATED and name.endswith("CUDA graph"))]


def _first_line(error: Exception) -> str:
    """The error, short enough for a table."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def populations_nnlib(job: Job) -> Iterator[Row]:
    """`train_many`."""
    for case in cases.populations(job.tiny):
        yield job.row(case, "nnlib", partial(nnlib_descents.population, case.population, "cuda"))


def populations_jax(job: Job) -> Iterator[Row]:
    """JAX, its products in float32, then in TF32."""
    for name, precision in (("JAX vmap", "float32"), ("JAX vmap, TF32", "tf32")):
        for case in cases.populations(job.tiny):
            make = partial(jax_populations.population, case.population, job.peers, precision)
            yield job.row(case, name, make)


def populations_pytorch(job: Job) -> Iterator[Row]:
    """PyTorch's `vmap`, in all its forms."""
    population = pytorch_populations.population
    for form in job.forms(pytorch_populations.FORMS):
        for case in cases.populations(job.tiny):
            yield job.row(
                case, form, partial(population, case.population, job.peers, form, job.compiler)
            )


def narrow_nnlib(job: Job) -> Iterator[Row]:
    """One narrow network at all batches, at some by tensor cores, at one without CUDA graphs."""
    given = cases.narrow(cases.NARROW_BATCHES, job.tiny)
    yield from _single_nnlib(job, given)
    plain = partial(nnlib_descents.single, given[0].network, "cuda", graphs=False)
    yield job.row(given[0], "nnlib, no CUDA graphs", plain)
    for precision in ("tf32", "bf16"):
        yield from _single_nnlib(job, cases.narrow(cases.COMPILED_BATCHES, job.tiny), precision)


def wide_nnlib(job: Job) -> Iterator[Row]:
    """One wide network, in float32 and by tensor cores."""
    for precision in (None, "tf32", "bf16"):
        yield from _single_nnlib(job, cases.wide(job.tiny), precision)


def _single_nnlib(job: Job, given: list[Case], precision: str | None = None) -> Iterator[Row]:
    name = f"nnlib, {precision.upper()}" if precision else "nnlib"
    for case in given:
        make = partial(nnlib_descents.single, case.network, "cuda", precision)
        yield job.row(case, name, make)


def narrow_pytorch_eager(job: Job) -> Iterator[Row]:
    """PyTorch without its compiler, at all batches, in TF32 at some."""
    for case in cases.narrow(cases.NARROW_BATCHES, job.tiny):
        yield from _single_pytorch(job, case, pytorch_single.EAGER, "float32")
    for case in cases.narrow(cases.COMPILED_BATCHES, job.tiny):
        yield from _single_pytorch(job, case, pytorch_single.EAGER, "tf32")


def narrow_pytorch_compiled(job: Job) -> Iterator[Row]:
    """PyTorch compiled, at some batches."""
    for case in cases.narrow(cases.COMPILED_BATCHES, job.tiny):
        yield from _single_pytorch(job, case, pytorch_single.COMPILED, "float32")


def wide_pytorch(job: Job) -> Iterator[Row]:
    """PyTorch in all forms, its products in float32, then in TF32."""
    for forms in (pytorch_single.EAGER, pytorch_single.COMPILED):
        for precision in ("float32", "tf32"):
            for case in cases.wide(job.tiny):
                yield from _single_pytorch(job, case, forms, precision)


def _single_pytorch(job: Job, case: Case, forms: tuple[str, ...], precision: str) -> Iterator[Row]:
    for form in job.forms(forms):
        make = partial(
            pytorch_single.single, case.network, job.peers, form, job.compiler, precision
        )
        yield job.row(case, form + (", TF32" if precision == "tf32" else ""), make)


def check(kind: str, job: Job) -> Iterator[Row]:
    """The kernels of one way to cut a descent."""
    return checks.check(kind, job.tiny)


def ceilings(job: Job) -> Iterator[Row]:
    """The GPU's own limits, and its transfers."""
    yield from limits.copies(job.tiny)
    yield from transfers.transfers(job.tiny)
    yield from limits.matrices(job.peers)


def streaming(job: Job) -> Iterator[Row]:
    """Data that does not fit the GPU's memory, beside data that does."""
    return transfers.streaming(job.tiny, job.deadline - time.monotonic())


JOBS: dict[str, Callable[[Job], Iterator[Row]]] = {
    "ceilings": ceilings,
    "check-alone": partial(check, "alone"),
    "check-together": partial(check, "together"),
    "check-layers": partial(check, "layers"),
    "populations-nnlib": populations_nnlib,
    "populations-jax": populations_jax,
    "populations-pytorch": populations_pytorch,
    "narrow-nnlib": narrow_nnlib,
    "narrow-pytorch-eager": narrow_pytorch_eager,
    "narrow-pytorch-compiled": narrow_pytorch_compiled,
    "wide-nnlib": wide_nnlib,
    "wide-pytorch": wide_pytorch,
    "streaming": streaming,
}


def main() -> None:
    """Write the job's rows, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.job", description=__doc__)
    parser.add_argument("name", choices=list(JOBS))
    parser.add_argument("--seconds", type=float, required=True, help="when the job is to end")
    parser.add_argument("--folder", type=Path, required=True, help="of rows and references")
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator")
    given = parser.parse_args()
    job = Job(given.seconds, given.folder, given.tiny)
    for row in JOBS[given.name](job):
        rows.append(given.folder / f"{given.name}.jsonl", row)


if __name__ == "__main__":
    main()
