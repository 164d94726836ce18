"""Ctrl-C during a descent, with a real signal to a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib.kernels.threads.team import disband
from nnlib.machine.threads import Team
from tests.devices import amount
from tests.training.interrupted_descents import Storm
from tests.training.interruptions import interrupt_after

# What a user sees is 0.2 s; a loaded machine may take longer to wake the process.
SECONDS = 1.0

# The process descends until the signal, says when KeyboardInterrupt reached it, and then looks for
# the number of epochs after which a second network has the same bits.
SCRIPT = """
import json, signal, sys, time
import numpy as np
import nnlib

# A parent in the background of a shell hands down that SIGINT is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)

def network():
    return nnlib.Network(SIZES, activation="tanh", dtype="float64", seed=1)

def epochs_with_the_same_bits(net):
    '''Epochs from the start to these parameters, by the last bias, which creeps ahead evenly.'''
    twin, guess, seen = network(), 0, set()
    speed = None
    while guess not in seen:
        seen.add(guess)
        twin.parameters = network().parameters
        twin.descent(X, Y, **dict(SETTINGS, epochs=guess))
        if np.array_equal(twin.parameters, net.parameters):
            return guess
        if speed is None:
            one = network()
            one.descent(X, Y, **dict(SETTINGS, epochs=1))
            speed = one.parameters[-1] - twin.parameters[-1]
        guess = max(0, guess + round((net.parameters[-1] - twin.parameters[-1]) / speed))
    return None

X, Y = rng.normal(size=(N, SIZES[0])), rng.normal(size=(N, SIZES[-1]))
network().descent(X[:1000], Y[:1000], **dict(SETTINGS, epochs=1))  # compiles this very driver
net = network()
print("ready", flush=True)
try:
    net.descent(X, Y, **SETTINGS)
except KeyboardInterrupt:
    stopped = time.time()
    print(json.dumps({"stopped": stopped, "epochs": epochs_with_the_same_bits(net)}))
"""

# An epoch takes about a microsecond; steps this small move every parameter by the same amount.
TINY_EPOCHS = """
SIZES, N = [1, 2, 1], 60
SETTINGS = dict(learning_rate=1e-9, epochs=20_000_000, batch_size=None)
"""
# An epoch takes a second or so and has hundreds of steps: interruptions fall between two of them.
LONG_EPOCHS = """
SIZES, N = [8, 192, 192, 4], 200_000
SETTINGS = dict(learning_rate=1e-9, epochs=1000, batch_size=500, shuffle=False)
"""


@pytest.mark.cpu("kernels")
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize(
    ("case", "seconds_before"),
    [
        pytest.param(TINY_EPOCHS, 0.5, id="tiny epochs"),
        pytest.param(LONG_EPOCHS, 0.5, id="in the first long epoch"),
        pytest.param(LONG_EPOCHS, 2.0, id="in a later long epoch"),
    ],
)
def test_interruption_keeps_the_last_completed_epoch(case, seconds_before, record_property):
    child = subprocess.Popen(
        [sys.executable, "-c", case + SCRIPT],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        time.sleep(seconds_before)
        sent = time.time()
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert output, f"the descent ended otherwise than by KeyboardInterrupt: {errors}"
    result = json.loads(output)
    delay = result["stopped"] - sent
    record_property("seconds", delay)
    print(f"interrupted after {delay:.3f} s and {result['epochs']} epochs")
    assert delay < SECONDS
    assert result["epochs"] is not None, "the parameters are those of no completed epoch"


@pytest.mark.cpu("threads")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on Windows")
def test_many_interrupts_a_few_milliseconds_apart(tmp_path):
    """Checkpoints and populations hold what nobody writes any more."""
    command = [sys.executable, "-m", "tests.training.interrupted_descents", str(tmp_path), "40"]
    child = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300
    )
    assert child.returncode == 0, child.stderr
    seen = json.loads(child.stdout)
    assert seen["descents"]["same bits"] == 10
    assert seen["descents"]["resumed"] > 0
    assert seen["populations"]["interrupted"] > 0


@pytest.mark.cpu("threads")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on Windows")
@pytest.mark.parametrize("count", [1, 2, 60])
def test_nobody_goes_on_before_a_slow_member_has_left(count):
    """Every 2 ms comes Ctrl-C to who waits for a member that takes a tenth of a second."""
    written, inside = [], threading.Event()

    def slow(member):
        inside.set()
        time.sleep(0.15)
        written.append(member)

    def work():
        team = Team()
        try:
            team.hire(1, slow)
            inside.wait(60)
            time.sleep(60)
        finally:
            disband(team.board)

    assert Storm().over(work, first=0.03, spacing=0.002, count=count)
    assert written == [1]


@pytest.mark.parametrize("calls", range(8))
def test_interruption_after_any_block(calls, monkeypatch, rng):
    """Two batches an epoch, for the CPU of two blocks and of one; an exception after any."""
    X, y = rng.normal(size=(2, amount(1500, 15)))
    settings = {"batch_size": amount(1100, 11), "shuffle": False, "learning_rate": 0.5}
    net, twin = nnlib.Network([1, 2, 1]), nnlib.Network([1, 2, 1])
    rounds = {"cpu": 3, "cuda": 2}[net.device]
    twin.descent(X, y, epochs=calls // rounds, **settings)
    interrupt_after(calls, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        net.descent(X, y, epochs=10, **settings)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


@pytest.mark.parametrize("calls", range(9))
def test_interruption_during_validation(calls, monkeypatch, rng):
    """Two batches an epoch; the validation is two on the CPU, one on a GPU; likewise."""
    X, y = rng.normal(size=(2, amount(40, 10)))
    settings = {"batch_size": amount(20, 5), "shuffle": False, "learning_rate": 0.5}
    net, twin = nnlib.Network([1, 2, 1]), nnlib.Network([1, 2, 1])
    rounds = {"cpu": 4, "cuda": 3}[net.device]
    twin.descent(X, y, epochs=calls // rounds, **settings)
    interrupt_after(calls, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        net.descent(X, y, epochs=10, validation=(X, y), **settings)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)
