"""`train_many`: restarts, ensembles and sweeps in one call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import ArrayLike, DTypeLike

from .activations import Custom
from .checks.array_like import as_array
from .checks.values import seed_number, shown, whole_number
from .kernels.compile.duration import compile_seconds_of_all
from .losses import Loss
from .machine.device import chosen_device
from .model.device import device_for
from .model.sequence_rows import wrapped
from .network import Network
from .population import engine
from .population.cut import Cut
from .population.grouped_plan import GroupedPlan
from .population.plan import Plan
from .population.result import Population
from .population.sweep import check_options, combinations
from .population.template import Template
from .population.work import Work


def train_many(
    net: Network | Sequence[int] | None,
    X: Any,
    y: ArrayLike | None = None,
    *,
    n: int | None = None,
    seeds: Sequence[int] | None = None,
    grid: Any = None,
    activation: str | Custom | Sequence[str | Custom] | None = None,
    loss: str | Loss | None = None,
    dtype: DTypeLike | None = None,
    initializer: Any = None,
    sample_weight: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    min_rows: int | None = None,
    folds: int | ArrayLike | None = None,
    bootstrap: bool = False,
    halving: float | None = None,
    rank_by: str | None = None,
    trace: int = 50,
    seed: int = 0,
    device: str | None = None,
    cluster: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    **options: Any,
) -> Population:
    """Train many networks at once: from many starts, with many options, on many parts of the data.

    Members are the combinations of the grid, times the seeds, times the folds or groups, in this
    order. Each is the network that `Network(sizes, …, seed=seed).descent(X, y, **options)` gives,
    whatever trains beside it and on however many threads; to the bit, or, for plain descents on all
    the data with parameters times examples of at most 5000, but for rounding. A member takes memory
    for its parameters, `trace` costs and some 100 bytes: a million members of the lecture's
    exercise take half a gigabyte.

    Parameters
    ----------
    net : Network or list of int
        The architecture, or the sizes of the layers. A network gives its parameters too, as
        every member's start, unless there are `n` or `seeds`. None if sizes are in the grid.
    X, y
        As for `Network.descent`.
    n : int or None
        How many seeds: 0 … n − 1.
    seeds : sequence of int or None
        Or the seeds themselves: each decides initial weights and order of mini-batches.
    grid : dict of lists, list of such, or None
        Values of options, all combinations of which are tried: ``learning_rate``,
        ``weight_decay``, ``optimizer``, … and ``sizes``, ``activation``, ``initializer``. Of a
        list of dicts each is multiplied out alone.
    activation, loss, dtype, initializer
        As for `Network`; left out if a network is given.
    sample_weight : array_like, shape (n_examples,) or (members, n_examples), or None
        As for `Network.descent`, for all members or a row for each.
    lengths, mask
        As for `Network.F`.
    groups : array_like, shape (n_examples,), or None
        A network for each group, as of a customer, a shop or a sensor: the group of each example,
        as text or whole numbers. Each network is trained on the rows of its group alone, to the
        bits of `Network.descent` on these, and ``population["shop 17"]`` is that of a group. The
        validation part is split off from each group's own rows, by `seed`; a group of at most
        `batch_size` rows is one batch; ``class_weight="balanced"`` counts in each group. A group
        is skipped if it is too small, or of one class: `Population.skipped` says which and why.
        See also `train_groups`.
    min_rows : int or None
        Groups of fewer examples are skipped; None: of a single one.
    folds : int, array_like, shape (n_examples,), or None
        Leave out each fold once, so many as drawn, or as numbered: weight 0 in training. The cost
        of the examples held out becomes `Population.validation_cost`.
    bootstrap : bool
        Weigh the examples by how often n draws with replacement take them, other draws for
        every seed; those never taken are held out.
    halving : float or None
        Successive halving by this factor: all members run for a part of the epochs, only the best
        1/halving of them for `halving` times as many, and so on to all epochs. Folds of one
        network stay together. The factor is above 1, and leaves one candidate in at most 1000
        steps. Source: K. Jamieson and A. Talwalkar, AISTATS 2016.
    rank_by : str or None
        The metric, by its name, that members are compared by in place of their costs; without
        halving, which compares costs.
    trace : int
        At how many epochs costs are kept, at most.
    seed : int
        Of the folds, the bootstrap's draws and the validation split.
    device : {"cpu", "cuda", "auto"} or None
        Where they train: on a GPU a block of threads each, with the results of the CPU but for
        rounding, and without halving and Levenberg-Marquardt. None: the network's, if one is
        given, else "cpu".
    cluster : str, distributed.Client, Executor or None
        Where parts of about a second train: "ray" is the Ray in use, or one started here, "dask"
        likewise, also an address of either; a backend of joblib by its name; any executor of
        `concurrent.futures`. The bits are those of one machine, whichever worker dies. Without
        halving, and on processors.
    checkpoint : str, PathLike or None
        A folder that gets a file of every part that has ended, also without a cluster.
    resume : bool
        Go on with the parts in that folder, if it is there, rather than to replace them.
    **options
        As for `Network.descent`: optimizer, learning_rate, epochs, reduction, weight_decay, l1,
        max_norm, dropout, clip_norm, clip_value, batch_size, shuffle, tbptt, class_weight,
        validation, patience, tolerance, target_cost, metrics, max_seconds, callback, progress.
        A fraction for validation is split off once, for all members; metrics are measured when the
        members are trained; the callback gets a `PopulationReport` every 50 ms. On a cluster, and
        with a checkpoint, the report counts parts that have ended.

    Returns
    -------
    Population
        On Ctrl-C what there is by then: the members that have ended, and those on their way at
        the end of their last epoch.

    Raises
    ------
    TypeError, ValueError
        For any argument that is not of this form, before any work.
    DeviceError
        If device is "cuda" and that cannot be used.
    FormatError, OSError, BlockingIOError
        If the folder has a damaged file, cannot be written, or another population has it.
    RuntimeError
        If workers have other versions of what computes, or the cluster loses a part for good.
    DivergenceError
        If all members diverge; single ones are marked.
    KeyboardInterrupt
        On Ctrl-C before any member has completed an epoch.

    Examples
    --------
    >>> import nnlib
    >>> X, y = nnlib.course.exercise_data()
    >>> rates = {"learning_rate": [0.1, 0.3]}
    >>> population = nnlib.train_many([1, 2, 1], X, y, n=50, grid=rates, reduction="sum")
    >>> len(population), population.parameters.shape
    (100, (100, 7))
    >>> bool(population.best.J(X, y, reduction="sum") < 0.1)
    True
    """
    begin, waited = time.perf_counter(), compile_seconds_of_all()
    check_options(options)
    cut = Cut(cluster, checkpoint, resume)
    cut.check(device or (net.device if isinstance(net, Network) else "cpu"), halving)
    seed, points = seed_number("seed", seed), whole_number("trace", trace, 1)
    choices = combinations(grid)
    template = Template(net, activation, loss, dtype, initializer)
    if groups is not None:
        plan: Plan = GroupedPlan(template, choices, options, groups, min_rows)
    elif min_rows is not None:
        raise ValueError(f"min_rows is {shown(min_rows)} but groups is None: it is for groups")
    else:
        plan = Plan(template, choices, options)
    if sample_weight is not None:
        sample_weight = as_array("sample_weight", sample_weight)  # read once, in one form
    plan.take_examples(wrapped(X, lengths, mask), y, sample_weight, seed)
    plan.take_metrics(rank_by, halving)
    plan.take_seeds(n, seeds, not (grid is None and folds is None and groups is None))
    plan.take_weights(sample_weight, folds, bootstrap, seed)
    work = plan.work(points, halving)
    (cut.train if cut.wanted else _engine(device, net))(work)
    waited = compile_seconds_of_all() - waited
    return plan.population(work, time.perf_counter() - begin - waited, waited)


def _engine(device: str | None, net: Any) -> Callable[[Work], None]:
    """What trains a population on the device, after a check that it can do that."""
    if device is None:
        device = net.device if isinstance(net, Network) else "cpu"
    if chosen_device(device) == "cpu":
        return engine.train
    from .population.cuda import engine as cuda_engine

    def train(work: Work) -> None:
        if work.windows is not None:
            raise ValueError("groups train on the CPU only: leave device out, or give 'cpu'")
        for group in work.groups:
            device_for(group.network.architecture, "cuda")
        cuda_engine.check(work)
        cuda_engine.train(work)

    return train
