"""L-BFGS whose sums come from workers: shards, their order, and what is kept of them."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import nnlib
from nnlib.cluster.here import Here
from nnlib.second_order import over_workers
from tests.cluster.losing import Losing, every

pytestmark = pytest.mark.cpu("data")

N = 700
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.sin(X.sum(1))


def network(dtype="float64"):
    return nnlib.Network([3, 8, 1], ["tanh", "identity"], dtype=dtype, seed=2)


def source(part_rows=60):
    return nnlib.data.arrays(X, Y, part_rows=part_rows)


def trained(cluster, dtype="float64", epochs=10, data=None):
    """Parameters and history of a descent on a cluster."""
    net = network(dtype)
    history = net.descent(data or source(), optimizer="lbfgs", epochs=epochs, cluster=cluster)
    return net.parameters, history


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_do_not_depend_on_the_workers(dtype):
    found = [trained(Here(), dtype)]
    for workers in (1, 2, 3):
        with ThreadPoolExecutor(workers) as executor:
            found.append(trained(executor, dtype))
    for parameters, history in found[1:]:
        assert np.array_equal(parameters, found[0][0])
        assert np.array_equal(history.J, found[0][1].J)
    alone = network(dtype)
    wanted = alone.descent(source(), optimizer="lbfgs", epochs=10)
    rtol = 1e-9 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(found[0][1].J, wanted.J, rtol=rtol)


def test_processes_read_their_own_files(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    data = nnlib.data.memory_map(tmp_path / "X.npy", tmp_path / "y.npy", part_rows=60)
    with ProcessPoolExecutor(2) as executor:
        parameters, _ = trained(executor, epochs=4, data=data)
    assert np.array_equal(parameters, trained(Here(), epochs=4)[0])


def test_sums_that_are_lost_are_made_again():
    assert np.array_equal(trained(Losing(every(3), 3))[0], trained(Here())[0])
    net = network()
    before = net.parameters.copy()
    with pytest.raises(RuntimeError, match=r"20 sums in a row were lost .*killed.*memory"):
        net.descent(source(), optimizer="lbfgs", epochs=3, cluster=Losing(every(1), 3))
    assert np.array_equal(net.parameters, before)


def test_a_worker_reads_each_part_once():
    reads = []

    class Counted(nnlib.data.Source):
        name, parts = "counted", (100,) * 7

        def read(self, part):
            reads.append(part)
            rows = slice(100 * part, 100 * part + 100)
            return nnlib.data.Rows(X[rows], Y[rows])

        def identity(self):
            return "counted"

    with ThreadPoolExecutor(1) as executor:
        _, history = trained(executor, data=Counted())
    assert history.evaluations > 5
    assert sorted(reads) == [0, 0, 1, 2, 3, 4, 5, 6]  # the first part is looked at before


def test_the_error_of_a_part_names_it():
    bad = X.copy()
    bad[200, 1] = np.nan
    net = network()
    with (
        ThreadPoolExecutor(2) as executor,
        pytest.raises(ValueError, match="X holds nan") as caught,
    ):
        net.descent(
            nnlib.data.arrays(bad, Y, part_rows=60), optimizer="lbfgs", epochs=2, cluster=executor
        )
    assert "In part 3 of arrays." in caught.value.__notes__


def test_descents_of_one_process_never_mix_their_rows(monkeypatch):
    """A second descent takes the place while the first one reads; each sums up its own rows."""
    with ThreadPoolExecutor(1) as executor:
        wanted = {scale: sums_of(executor, scale) for scale in (1.0, 2.0)}
        read, inside = over_workers.rows_of_shard, []

        def interrupted(shared, parts):
            if not inside:
                inside.append(parts)
                assert sums_of(Here(), 2.0) == wanted[2.0]
            return read(shared, parts)

        monkeypatch.setattr(over_workers, "rows_of_shard", interrupted)
        assert sums_of(Here(), 1.0) == wanted[1.0]


def sums_of(cluster, scale):
    """J after two iterations on rows of this scale."""
    data = nnlib.data.arrays(scale * X, Y, part_rows=60)
    return trained(cluster, epochs=2, data=data)[1].J.tolist()


def test_a_checkpoint_goes_on_and_knows_how_sums_are_made(tmp_path):
    whole, _ = trained(Here(), epochs=8)
    options = {"optimizer": "lbfgs", "checkpoint": tmp_path / "checkpoint", "epochs": 8}
    net = network()

    def stop(report):
        return report.epoch >= 3

    net.descent(source(), cluster=Here(), callback=stop, **options)
    resumed = network()
    resumed.descent(source(), cluster=Here(), resume=True, **options)
    assert np.array_equal(resumed.parameters, whole)
    with pytest.raises(ValueError, match="device was cpu, in shards, added in pairs, is cpu"):
        network().descent(source(), resume=True, **options)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"X": X, "y": Y}, TypeError, r"wanted a source of nnlib.data.*nnlib\.data\.arrays"),
        (
            {"optimizer": "levenberg_marquardt"},
            ValueError,
            "optimizer is 'levenberg_marquardt', wanted 'lbfgs'",
        ),
        ({"cluster": 3}, TypeError, "cluster must be"),
        ({"cluster": "rey"}, ValueError, "cluster is 'rey'.* 'ray'"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, said):
    given = {"X": source(), "optimizer": "lbfgs", "cluster": Here(), **arguments}
    net = network()
    before = net.parameters.copy()
    with pytest.raises(error, match=said):
        net.descent(**given)
    assert np.array_equal(net.parameters, before)
