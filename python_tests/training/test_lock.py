import os
import signal
import socket
import subprocess
import sys

import pytest
from child_process import child_environment

from alignops.training.lock import RunLock

HOLD = (
    "import os, sys, time\n"
    "from pathlib import Path\n"
    "from alignops.training.lock import RunLock\n"
    "with RunLock(Path(sys.argv[1])):\n"
    "    worker = os.fork() if 'fork' in sys.argv else 1\n"
    "    if worker: print(worker, flush=True)\n"
    "    time.sleep(60)\n"
)


def start_holder(folder, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=child_environment(),
    )
    return process, int(process.stdout.readline())


def test_a_second_process_is_told_who_holds_the_folder(tmp_path):
    process, _ = start_holder(tmp_path)
    try:
        holder = rf"is in use by process {process.pid} on {socket.gethostname()}; wait for it"
        with pytest.raises(BlockingIOError, match=holder), RunLock(tmp_path):
            pass
    finally:
        process.kill()
        process.communicate()


def test_a_killed_process_lets_go(tmp_path):
    process, _ = start_holder(tmp_path)
    process.kill()
    process.communicate()
    with RunLock(tmp_path):
        assert str(os.getpid()) in (tmp_path / ".lock").read_text()


def test_the_workers_of_a_killed_process_do_not_hold_the_folder(tmp_path):
    process, worker = start_holder(tmp_path, "fork")
    try:
        process.kill()
        process.wait()
        os.kill(worker, 0)  # is alive
        with RunLock(tmp_path):
            assert str(os.getpid()) in (tmp_path / ".lock").read_text()
    finally:
        os.kill(worker, signal.SIGKILL)
        process.stdout.close()


def test_the_folder_is_free_afterwards_and_made_before(tmp_path):
    for _ in range(2):
        with RunLock(tmp_path / "run"):
            pass
    assert (tmp_path / "run" / ".lock").read_text() == ""


def test_one_process_cannot_take_it_twice(tmp_path):
    with (
        RunLock(tmp_path),
        pytest.raises(BlockingIOError, match=f"process {os.getpid()}"),
        RunLock(tmp_path),
    ):
        pass


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (
        pytest.warns(UserWarning, match=r"cannot be locked: .*; keep other processes out of it"),
        RunLock(tmp_path),
    ):
        pass
