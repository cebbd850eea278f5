"""Several processes do together what one does alone, and end together."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.workers import DEVICES, ROWS, everything
from tests.rounding import assert_rounded

from latentclr.engine import ALONE, RankLostError, World, launch, watchdog
from latentclr.engine.watchdog import Watchdog
from latentclr.errors import InputError

ROOT = Path(__file__).parents[2]
OF_A_RUN = (
    *("WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK"),
    *("MASTER_ADDR", "MASTER_PORT", "GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "TORCHELASTIC_RUN_ID"),
)
"""Variables by which the processes of a run find each other."""
OUTSIDE = {name: value for name, value in os.environ.items() if name not in OF_A_RUN} | {
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
}
SENTENCE = f"latentclr: {RankLostError()}"


def start(*command: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=OUTSIDE | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def place(rank: int, size: int) -> World:
    here = World()
    here.rank, here.size = rank, size
    return here


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no run had been started."""
    for name in OF_A_RUN:
        monkeypatch.setenv(name, "")  # so that it is put back, whoever changes it
        monkeypatch.delenv(name)


@given(n=st.integers(0, 10**9), size=st.integers(1, 64))
def test_shares_are_contiguous_cover_all_and_differ_by_at_most_one(n: int, size: int) -> None:
    shares = [place(rank, size).share(n) for rank in range(size)]
    assert shares[0].start == 0
    assert shares[-1].stop == n
    assert all(one.stop == after.start for one, after in pairwise(shares))
    lengths = [share.stop - share.start for share in shares]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] - lengths[-1] in (0, 1)


def test_even_shares() -> None:
    assert [place(rank, 3).even_share(6) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(
        InputError, match=r"^7 cannot be divided evenly over 3 processes; a multiple of 3 can\.$"
    ):
        place(0, 3).even_share(7)


def test_one_process_alone() -> None:
    x = torch.arange(6.0, requires_grad=True)
    assert (ALONE.rank, ALONE.size, ALONE.first) == (0, 1, True)
    assert ALONE.share(5) == ALONE.even_share(5) == slice(0, 5)
    assert ALONE.gather(x) is x
    for same in (ALONE.gather_uneven(x), ALONE.from_first(x)):
        assert not same.requires_grad
        assert torch.equal(same, x)
    with torch.no_grad():
        ALONE.sum([x])
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    assert [ALONE.any(True), ALONE.any(False)] == [True, False]
    with ALONE as here:
        here.barrier()
    ALONE.close()


def test_one_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch(1, device="cpu") is ALONE
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launch(1, device="cuda:3") is ALONE
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert launch(1, device="cpu") is ALONE


@pytest.mark.parametrize(("devices", "nodes"), [(0, 1), (1, 0), (-1, 1)])
def test_there_is_at_least_one_process(devices: int, nodes: int) -> None:
    with pytest.raises(InputError, match=f"at least one device .* not {devices} on {nodes}"):
        launch(devices, nodes, device="cpu")


def test_devices_must_be_there() -> None:
    with pytest.raises(InputError, match="99 CUDA devices were asked for, but there are"):
        launch(99, device="cuda")
    with pytest.raises(InputError, match="on cpu or cuda, not on 'mps'"):
        launch(2, device="mps")


@pytest.mark.parametrize(
    ("variables", "devices"),
    [
        ({"WORLD_SIZE": "4"}, 1),
        ({"WORLD_SIZE": "4"}, 2),
        ({"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "none"}, 2),
        ({"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "none"}, 2),
    ],
)
def test_the_environment_must_agree(
    variables: dict[str, str], devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        InputError, match=rf"says WORLD_SIZE={variables['WORLD_SIZE']}, but {devices} devices"
    ):
        launch(devices, device="cpu")


def test_where_to_meet_is_known_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_RANK", "1")
    with pytest.raises(InputError, match="the environment must say MASTER_ADDR, MASTER_PORT"):
        launch(1, 2, device="cpu")
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("MASTER_PORT", str(other.getsockname()[1]))
        with pytest.raises(
            InputError, match=r"cannot listen on MASTER_ADDR=127\.0\.0\.1 MASTER_PORT=\d+: .*in use"
        ):
            launch(2, device="cpu")


def test_only_the_loss_of_a_rank_is_called_so() -> None:
    def wrong(error: RuntimeError) -> None:
        with dog.collective():
            raise error

    dog = Watchdog()
    with pytest.raises(RuntimeError, match=r"^shapes differ$"):
        wrong(RuntimeError("shapes differ"))
    assert not dog.lost
    with pytest.raises(RankLostError, match="go on with --resume"):
        wrong(torch.distributed.DistNetworkError("no answer"))
    assert dog.lost


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> "Queue[int]":
    """Where the codes go with which a process would have ended."""
    codes: Queue[int] = Queue()
    monkeypatch.setattr(os, "_exit", codes.put)
    monkeypatch.setattr(watchdog, "POLL", 0.01)
    monkeypatch.setattr(watchdog, "GRACE", 0.1)
    return codes


@pytest.mark.parametrize("gone", ["child", "parent"])
def test_a_process_that_waits_for_no_other_still_learns_of_its_end(
    gone: str, exits: "Queue[int]", capfd: pytest.CaptureFixture[str]
) -> None:
    codes = [0, 1] if gone == "child" else [0, 0]
    children = [subprocess.Popen([sys.executable, "-Sc", f"raise SystemExit({code})"]) for code in codes]
    dog = Watchdog()
    dog.watch(children, os.getppid() + (gone == "parent"))
    assert exits.get(timeout=60) == 2
    assert capfd.readouterr().err == f"{SENTENCE}\n"
    dog.end(in_order=True)


class Running(subprocess.Popen[bytes]):
    """A process, as it were, that does not end by itself."""

    def __init__(self) -> None:
        self.asked = 0
        self.asked_twice = threading.Event()

    def poll(self) -> None:
        self.asked += 1
        if self.asked == 2:
            self.asked_twice.set()

    def wait(self, timeout: float | None = None) -> int:
        return 0


def test_a_process_is_not_ended_where_all_is_well_or_the_loss_is_known(exits: "Queue[int]") -> None:
    well, known, child = Watchdog(), Watchdog(), Running()
    others = threading.enumerate()
    well.watch([child], os.getppid())
    (watching,) = (thread for thread in threading.enumerate() if thread not in others)
    assert child.asked_twice.wait(60)
    well.end(in_order=True)
    watching.join(60)
    with pytest.raises(RankLostError), known.collective():
        raise torch.distributed.DistStoreError("no answer")
    known._watch(lambda: True)
    assert exits.empty()


def test_a_failed_run_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "GRACE", 0.1)
    child = subprocess.Popen([sys.executable, "-Sc", "import time; time.sleep(100)"])
    dog = Watchdog()
    dog.watch([child], None)
    dog.end(in_order=False)
    assert child.returncode == -signal.SIGKILL


def check_all(out: Path) -> None:
    """What both ranks found is what one process finds, or follows from their numbers."""
    alone: Any = everything(ALONE)
    ranks = [json.loads((out / f"{rank}.json").read_text()) for rank in range(DEVICES)]
    for rank, found in enumerate(ranks):
        assert (found["rank"], found["size"], found["first"]) == (rank, DEVICES, rank == 0)
        own = place(rank, DEVICES).share(ROWS)
        for name, expected in (
            ("gathered", alone["gathered"]),
            ("gradient", alone["gradient"]),
            ("part_gradient", alone["part_gradient"][own]),
        ):
            # Two products of 3 terms, a logarithm of 6 exponentials, a sum of 6 squares, and the way back.
            mine, others = (torch.tensor(value, dtype=torch.float64) for value in (found[name], expected))
            assert_rounded(mine, others, terms=50, condition=10)
        assert found["own_gradient"] != found["gradient"]
        assert found["sums"] == [
            [[3, 3], [3, 3]],
            [1, 3, 5],
            [[1, 7], [3, 9], [5, 11]],
            [2, 2],
        ]
        assert found["kept"] == ["torch.float64", "torch.int64", [1, 3], True]
        assert found["from_first"] == [1.5, 2.5]
        assert found["state"] == alone["state"]
        assert found["any"] == [False, True, True, True]
        assert found["uneven 5"] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
        assert found["uneven 1"] == [[0, 1]]
        assert found["uneven 0"] == []
        assert found["uneven flags"] == [True, False, True]
        assert set(found["listens"]) == {"127.0.0.1"}
        assert found["threads"] == 1


def test_two_processes_of_our_own(tmp_path: Path) -> None:
    with start("tests.engine.workers", "together", str(tmp_path), PYTHONWARNINGS="error") as process:
        said, complained = process.communicate(timeout=120)
    assert (process.returncode, said, complained) == (0, "", "")
    check_all(tmp_path)


@pytest.mark.kills
def test_two_processes_of_torchrun(tmp_path: Path) -> None:
    command = ("torch.distributed.run", "--nproc-per-node", str(DEVICES), "--master-addr", "127.0.0.1")
    worker = ("-m", "tests.engine.workers", "under_torchrun", str(tmp_path))
    with start(*command, "--master-port", str(free_port()), *worker) as process:
        said, complained = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, ""), complained
    check_all(tmp_path)


@pytest.mark.kills
@pytest.mark.parametrize(("name", "code"), [("other_dies", 2), ("first_dies", -signal.SIGKILL)])
def test_a_rank_that_is_killed_ends_the_other_in_one_sentence(name: str, code: int, tmp_path: Path) -> None:
    with start("tests.engine.workers", name, str(tmp_path)) as process:
        # The pipes close when the last of the processes has ended: without the watch, after ten minutes.
        said, complained = process.communicate(timeout=120)
    assert (process.returncode, said, complained.splitlines()) == (code, "", [SENTENCE])
