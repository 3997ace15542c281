"""Saved benchmark runs as Markdown tables and a plot: python -m benchmarks.page [RUN.json]."""

import argparse
import json
import os
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import alignops
from benchmarks.comparison import COMPILED, EAGER, GEMM, OURS

ROOT = Path(__file__).parents[1]
RUNS = ROOT / ".benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = {"cpu": PAGE.with_suffix(".png"), "cuda": PAGE.with_name("benchmarks_cuda.png")}
# The parts of the page that this module writes, by device.
_PARTS = {"cpu": "measured", "cuda": "measured on a GPU"}

Record = dict[str, Any]


def machine_line(cpu: dict[str, Any], device: str = "cpu") -> str:
    """Describe the machine and the versions of a measurement."""
    if device != "cpu":
        return (
            f"{torch.cuda.get_device_name()}; torch {torch.__version__}, "
            f"triton {version('triton')}, alignops {alignops.__version__}"
        )
    capability = alignops.build_info().get("cpu_capability", "no compiled kernels")
    threads = torch.get_num_threads()
    return (
        f"{cpu.get('brand_raw', 'unknown CPU')}, {os.cpu_count()} cores, "
        f"{threads} thread{'s' if threads != 1 else ''}; torch {torch.__version__}, "
        f"alignops {alignops.__version__} ({capability})"
    )


def tables(records: Iterable[Record]) -> dict[str, str]:
    """Make one Markdown table per op, aligned for reading as plain text."""
    by_op: dict[str, list[Record]] = {}
    for record in records:
        by_op.setdefault(record["op"], []).append(record)
    return {op: markdown(list(_rows(rows))) for op, rows in by_op.items()}


def _rows(records: list[Record]) -> Iterator[list[str]]:
    names = dict.fromkeys(name for record in records for name in record["results"])
    others = [name for name in names if name not in (OURS, GEMM)]
    in_memory = [OURS, EAGER, COMPILED]
    yield [
        "size", "type", "passes", f"{OURS}, ms", "in GEMMs",
        *(f"{name}, ratio" for name in others),
        *(f"{name}, MB" for name in in_memory),
    ]  # fmt: skip
    for record in records:
        results = record["results"]
        ours = results[OURS]["seconds"]
        yield [
            record["size"], record["dtype"], record["passes"],
            _significant(ours * 1e3), _in_products(ours, results[GEMM]),
            *(_ratio(results.get(name), ours) for name in others),
            *(_megabytes(results.get(name)) for name in in_memory),
        ]  # fmt: skip


def _in_products(ours: float, product: Record) -> str:
    return product.get("skipped") or _significant(ours / product["seconds"])


def _ratio(result: Record | None, ours: float) -> str:
    if result is None:
        return "-"
    return result.get("skipped") or _significant(result["seconds"] / ours)


def _megabytes(result: Record | None) -> str:
    memory = None if result is None else result.get("memory")
    return "-" if memory is None else f"{memory / 1e6:.1f}"


def _significant(value: float) -> str:
    """Format with three significant digits, without an exponent."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits if value >= 0.1 else 4}f}"


def markdown(rows: list[list[str]]) -> str:
    """Make a table, headed by the first row and aligned for reading as plain text."""
    rows.insert(1, ["-"] * len(rows[0]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        pad = "-" if row is rows[1] else " "
        cells = (cell.ljust(width, pad) for cell, width in zip(row, widths, strict=True))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def newest_run() -> Path:
    """Find the last saved run that compares ops."""
    runs = sorted(RUNS.glob("*/*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for run in runs:
        if _records(_read(run)):
            return run
    raise FileNotFoundError(f"{RUNS} holds no comparison of ops; make one with: pytest benchmarks/")


def write_page(run: Path) -> None:
    """Write a run's tables to its device's part of docs/benchmarks.md, and the plot beside it."""
    saved = _read(run)
    records = _records(saved)
    if not records:
        raise ValueError(f"{run} compares no ops; expected a run of pytest benchmarks/")
    commit = saved["commit_info"]
    changed = " with uncommitted changes" if commit["dirty"] else ""
    device = records[0].get("device", "cpu")
    parts = [
        f"{saved['machine_info']['line']}; {saved['datetime'][:10]}, "
        f"commit {commit['id'][:10]}{changed}.",
        f"![Cost against batch size]({PLOTS[device].name})",
        *(f"### {op}\n\n{table}" for op, table in tables(records).items()),
    ]
    plot(records, PLOTS[device])
    write_measured(PAGE, parts, device)


def write_measured(page: Path, parts: list[str], device: str = "cpu") -> None:
    """Replace a page's part of measurements on a device."""
    start, end = (f"<!-- {_PARTS[device]}: {edge} -->" for edge in ("begin", "end"))
    measured = "\n\n".join([start, *parts, end])
    text = page.read_text(encoding="utf-8")
    _replace(page, re.sub(f"{start}.*{end}", lambda _: measured, text, flags=re.DOTALL))


def _read(run: Path) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(run.read_text(encoding="utf-8"))
    return saved


def _records(saved: dict[str, Any]) -> list[Record]:
    return [entry["extra_info"] for entry in saved["benchmarks"] if entry["extra_info"]]


def plot(records: list[Record], path: Path) -> None:
    """Plot time and memory over the batch size, forward + backward in float32."""
    from matplotlib.figure import Figure

    families = _families(records)
    figure = Figure(figsize=(4 * len(families), 6), layout="constrained")
    axes = figure.subplots(2, len(families), squeeze=False, sharex="col")
    for column, (title, rows) in enumerate(families.items()):
        for name in (OURS, EAGER, COMPILED):
            ran = [row for row in rows if "seconds" in row["results"][name]]
            batches = [row["batch"] for row in ran]
            measured = [row["results"][name] for row in ran]
            seconds = [result["seconds"] for result in measured]
            memory = [(result["memory"] or 0) / 1e6 for result in measured]
            axes[0, column].loglog(batches, seconds, marker="o", label=name)
            axes[1, column].loglog(batches, memory, marker="o", label=name)
        axes[0, column].set_title(title)
        batches = [row["batch"] for row in rows]
        axes[1, column].set_xticks(batches, map(str, batches), minor=False)
        axes[1, column].minorticks_off()
        axes[1, column].set_xlabel("batch")
    axes[0, 0].set_ylabel("forward + backward, s")
    axes[1, 0].set_ylabel("peak memory, MB")
    axes[0, 0].legend()
    figure.savefig(path, dpi=120)


def _families(records: list[Record]) -> dict[str, list[Record]]:
    """Records ordered by batch size, by op and family, for families of several batch sizes."""
    families: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record["batch"]):
        if (record["dtype"], record["passes"]) == ("float32", "forward + backward"):
            families.setdefault(f"{record['op']}\n{record['family']}", []).append(record)
    return {title: rows for title, rows in families.items() if len(rows) > 1}


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def main() -> None:
    """Write the page from the run on the command line, or from the newest one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="a saved run; default: the newest")
    run = parser.parse_args().run or newest_run()
    write_page(run)
    print(f"{PAGE} shows {run}")


if __name__ == "__main__":
    main()
