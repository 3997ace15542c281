"""Times only ops whose tests pass; prints one table per op and saves the comparisons."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.comparison import compare as compare_with
from benchmarks.page import machine_line, tables

ROOT = Path(__file__).parents[1]


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """The device of the comparison."""
    return str(request.config.getoption("--device"))


@pytest.fixture
def compare(request: pytest.FixtureRequest, benchmark: Any, device: str) -> Callable[..., None]:
    """`comparison.compare` for the op in the file's name, if its tests pass."""
    op = request.module.__name__.rpartition("bench_")[2]
    for tests in _tests_of(op, device):
        if benchmark.enabled and not _pass(tests):
            pytest.fail(f"{op} is not timed: its tests fail (pytest {tests})", pytrace=False)
    return partial(compare_with, benchmark, op, device)


@cache
def _pass(tests: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-qx", "-m", "not slow", tests]
    return subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


def _tests_of(op: str, device: str) -> list[str]:
    on_gpu = ["python_tests/kernels/test_kernels_on_gpu.py"]
    return [f"python_tests/ops/test_{op}.py", *(on_gpu if device == "cuda" else [])]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--large", action="store_true", help="also the largest sizes; always on CUDA")
    parser.addoption("--device", choices=["cpu", "cuda"], default="cpu", help="where to compare")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_cpu = config.getoption("--device") == "cpu"
    some = on_cpu and not (config.getoption("--large") or config.getoption("--benchmark-disable"))
    for item in items:
        if item.path.parent != ROOT / "benchmarks":
            continue
        if some and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="large: pytest benchmarks/ --large"))
        if not on_cpu and "compare" not in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="has no part on a GPU"))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--device") == "cuda" and not torch.cuda.is_available():
        raise pytest.UsageError("--device cuda: torch finds no CUDA device; expected one")
    # Before pytest-benchmark reads its options: saves every timed run for benchmarks.page.
    if not config.option.benchmark_json and not config.option.benchmark_save:
        config.option.benchmark_autosave = config.option.benchmark_autosave or "comparison"


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    machine_info["line"] = machine_line(machine_info["cpu"], config.getoption("--device"))


def pytest_benchmark_group_stats(benchmarks: list[dict[str, Any]]) -> None:
    # Our own table replaces pytest-benchmark's for these.
    benchmarks[:] = [benchmark for benchmark in benchmarks if not benchmark["extra_info"]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    session = terminalreporter.config._benchmarksession  # type: ignore[attr-defined]
    records = [benchmark.extra_info for benchmark in session.benchmarks if benchmark.extra_info]
    for op, table in tables(records).items():
        terminalreporter.section(op)
        terminalreporter.write_line(table)
