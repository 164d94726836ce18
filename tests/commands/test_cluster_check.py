"""``python -m nnlib cluster-check``: what it says of a cluster, and its exit status."""

from __future__ import annotations

import re

import pytest

from nnlib.__main__ import main
from nnlib.cluster import worker
from nnlib.cluster.here import Here
from nnlib.commands import cluster_check

pytestmark = pytest.mark.cpu("command")


@pytest.fixture
def here(monkeypatch):
    """This process in the place of a cluster, and a small population."""
    engine = Here()
    monkeypatch.setattr(cluster_check, "_engine", lambda cluster, stack: engine)
    monkeypatch.setattr(cluster_check, "_MEMBERS", 200)
    return engine


def test_a_cluster_that_is_right(here, capsys):
    assert main(["cluster-check"]) == 0
    output = capsys.readouterr().out
    own = worker.own_versions()
    for text in (f"numba {own.numba}", f"numpy {own.numpy}", f"Python {own.python}", "x86-64"):
        assert text in output
    assert re.search(r"^ray +(\d|not installed)", output, re.MULTILINE)
    assert "the same versions and vectors" in output
    members = re.findall(r"part \d+: (\d+) networks, [\d.]+ s, process \d+ on ", output)
    assert sum(map(int, members)) == 200
    assert output.endswith("the same bits\n")


def test_a_worker_of_other_versions_is_named(here, monkeypatch, capsys):
    own = worker.this_worker()
    other = own._replace(host="b", versions=own.versions._replace(numpy="1.0"))
    monkeypatch.setattr(here, "workers", lambda: [own, other])
    assert main(["cluster-check"]) == 1
    assert re.search(r"on b: .*DIFFERS: numpy 1.0, here ", capsys.readouterr().out)


def test_a_worker_of_another_vector_width_is_named(here, monkeypatch, capsys):
    own = worker.this_worker()
    monkeypatch.setattr(here, "workers", lambda: [own, own._replace(vectors="aarch64")])
    assert main(["cluster-check"]) == 1
    output = capsys.readouterr().out
    assert "DIFFERS: vectors aarch64, here " in output
    assert "the same bits" in output


def test_other_bits_are_told(here, monkeypatch, capsys):
    own = here.result

    def changed(ticket):
        done = own(ticket)
        done.outcome.rows["parameters"][0] += 1
        return done

    monkeypatch.setattr(here, "result", changed)
    assert main(["cluster-check"]) == 1
    assert "OTHER BITS" in capsys.readouterr().out


def test_no_such_cluster(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["cluster-check", "--cluster", "rya"])
    assert ended.value.code == 1
    assert "did you mean 'ray'" in capsys.readouterr().err
