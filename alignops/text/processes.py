"""Captions parsed by several processes at once.

Each process is a fresh interpreter that runs `serve`: it reads a batch of captions as a line of
JSON and answers with a line of parses. Unlike `multiprocessing`, it does not re-run the caller's
script, so the caller needs no `__main__` guard.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from alignops.text.structures import STRUCTURES, Structure

T = TypeVar("T")

_SERVE = "import sys; from alignops.text.processes import serve; serve(sys.argv[1])"


def available_processors() -> int:
    """Count the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parse_in_processes(
    structure: Structure[T], batches: Sequence[Sequence[str]], processes: int
) -> Iterator[list[T]]:
    """Yield the parses of each batch, in the order of the batches.

    Raises:
        RuntimeError: a process ended early; its stderr says why.
    """
    with ExitStack() as stack:
        idle: SimpleQueue[_Worker[T]] = SimpleQueue()
        for _ in range(processes):
            idle.put(stack.enter_context(_Worker(structure)))

        def parse(batch: Sequence[str]) -> list[T]:
            worker = idle.get()
            try:
                return worker.parse(batch)
            finally:
                idle.put(worker)

        # One thread per process waits for its answers.
        yield from stack.enter_context(ThreadPoolExecutor(processes)).map(parse, batches)


def serve(name: str) -> None:
    """Parse batches from standard input into the structure `name`, until end of file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller gets it too, and closes our input
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    structure = STRUCTURES[name]
    for line in sys.stdin.buffer:
        encoded = [structure.encode(parse) for parse in structure.parse(json.loads(line))]
        answers.write(json.dumps(encoded).encode() + b"\n")
        answers.flush()


class _Worker(Generic[T]):
    """A process that parses one batch at a time."""

    def __init__(self, structure: Structure[T]) -> None:
        self._structure = structure
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, structure.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )

    def parse(self, captions: Sequence[str]) -> list[T]:
        answer = self._ask(json.dumps(list(captions)).encode() + b"\n")
        if not answer.endswith(b"\n"):
            status = self._process.wait()
            raise RuntimeError(f"a process that parsed captions ended with exit status {status}")
        return [self._structure.decode(encoded) for encoded in json.loads(answer)]

    def _ask(self, question: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # the missing answer is reported later
            self._process.stdin.write(question)
            self._process.stdin.flush()
        return self._process.stdout.readline()

    def __enter__(self) -> "_Worker[T]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process by closing its input."""
        with suppress(BrokenPipeError):
            self._process.__exit__(kind, error, traceback)
