"""The table of film reviews beside other libraries."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest

from bench import reviews
from bench.problems import review_problem
from bench.programs.reviews import NNLIB, PEERS, cost

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch):
    monkeypatch.delenv("NNLIB_DATA", raising=False)
    monkeypatch.setattr("bench.reviews.rounds_for", lambda seconds: 1)
    monkeypatch.setattr("bench.programs.reviews.BATCH", 32)


def few():
    return review_problem.drawn(40, 700)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_do_the_same_work(peer, capsys):
    problem = few()
    ours = reviews.measured(NNLIB, problem)
    assert ours.cost < cost(np.full(700, 0.5), problem.y)
    reviews.report_peer(peer._replace(goal=0.0), problem, ours)
    row = capsys.readouterr().out
    if "not installed" not in row:
        assert "not the same work" not in row
        assert float(row.split("|")[5]) == pytest.approx(ours.cost, rel=peer.near)


def test_other_work_and_missed_goals_are_told(capsys):
    problem = few()
    peer = PEERS[0]._replace(goal=0.0)
    ours = reviews.measured(NNLIB, problem)
    assert reviews.report_peer(peer, problem, ours)
    assert not reviews.report_peer(peer._replace(goal=1e9), problem, ours)
    assert not reviews.report_peer(peer, problem, ours._replace(cost=2 * ours.cost))
    assert "not the same work" in capsys.readouterr().out


def test_more_words_are_compared_with_few(capsys, monkeypatch):
    monkeypatch.setattr("bench.reviews.MOST_TIMES", 1e9)
    assert reviews.report_more(few(), review_problem.drawn(80, 700))
    assert "80 words" in capsys.readouterr().out


def test_a_process_of_its_own_tells_its_memory(capsys, monkeypatch):
    monkeypatch.setattr("bench.reviews.MOST_GIB", 0.0)
    monkeypatch.setattr("bench.reviews.ALONE", reviews.ALONE.replace("reviews(int", "drawn(20, int")
                        .replace("import reviews\n", "import drawn\n", 1))  # fmt: skip
    assert not reviews.report_alone(700)
    assert float(capsys.readouterr().out.split(":")[1].split("GiB")[0]) > 0.05


def test_drawn_reviews_follow_a_law_of_frequent_and_rare_words():
    problem = review_problem.drawn(20_000, 200)
    counts = np.asarray((problem.X != 0).sum(axis=0)).ravel()
    assert counts[:10].min() > 100
    assert 0 < counts[10_000:].sum() <= 200 * review_problem.WRITTEN_RARE
    assert (problem.X.data == 1).all()
    assert problem.y.mean() == 0.5


def test_reviews_are_read_from_the_archive(tmp_path, monkeypatch):
    texts = {
        "aclImdb/train/pos/0_9.txt": "good good film",
        "aclImdb/train/neg/0_1.txt": "bad film",
        "aclImdb/train/unsup/0_0.txt": "unjudged",
        "aclImdb/test/neg/3_2.txt": "film unknown",
        "aclImdb/README": "about",
    }
    with tarfile.open(tmp_path / "aclImdb.tar.xz", "w:xz") as file:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            file.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setenv("NNLIB_DATA", str(tmp_path))
    problem = review_problem.reviews(10)
    assert problem.name == "IMDB"
    rows = {
        tuple(row): positive for row, positive in zip(problem.X.toarray(), problem.y, strict=True)
    }
    assert rows == {(0, 1, 1): 1.0, (1, 1, 0): 0.0}  # bad, film, good
    assert problem.X_test.toarray().tolist() == [[0, 1, 0]]
    assert problem.y_test.tolist() == [0]
    assert review_problem.reviews(10, pairs=True).X.shape == (2, 6)


def test_the_peers_have_goals():
    assert [peer.goal for peer in PEERS] == [6, 25, 5]
