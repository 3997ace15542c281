"""Results as a table in the terminal, as Markdown, and as a JSON file."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from alignops.atomic_files import write_text
from alignops.evaluation.accuracy import Accuracy

# Characters of "100.0".
_NUMBER = 5

Results = Mapping[str, Mapping[str, Accuracy]]
"""Model to measure to accuracy. A measure that a model lacks leaves its cell empty."""


def as_table(results: Results) -> Table:
    """Lay out one measure per row and one model per column, in percent."""
    table = Table()
    header, *rows = _rows(results)
    for position, name in enumerate(header):
        # In a narrow terminal only run names wrap, never measures or numbers.
        table.add_column(
            name,
            justify="right" if position else "left",
            no_wrap=not position,
            overflow="fold",
            min_width=_NUMBER,
        )
    for row in rows:
        table.add_row(*row)
    return table


def as_markdown(results: Results) -> str:
    """Lay out the same table in Markdown, ending with a line break."""
    header, *rows = _rows(results)
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def write_json(results: Results, path: Path | str) -> None:
    """Write {model: {measure: {"accuracy": share, "cases": number}}}, whole or not at all."""
    values = {
        model: {measure: asdict(accuracy) for measure, accuracy in measures.items()}
        for model, measures in results.items()
    }
    write_text(Path(path), json.dumps(values, indent=2) + "\n")


def read_json(path: Path | str) -> dict[str, dict[str, Accuracy]]:
    """Read what `write_json` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        results = {
            model: {measure: Accuracy(**accuracy) for measure, accuracy in measures.items()}
            for model, measures in values.items()
        }
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}; measure again") from error
    if not results:
        raise ValueError(f"{path} is damaged: it holds no results; measure again")
    return results


def _rows(results: Results) -> Iterator[list[str]]:
    yield ["percent", "cases", *results]
    for measure in dict.fromkeys(measure for measures in results.values() for measure in measures):
        cells = [measures.get(measure) for measures in results.values()]
        cases = dict.fromkeys(str(cell.cases) for cell in cells if cell is not None)
        yield [measure, " / ".join(cases), *("" if cell is None else str(cell) for cell in cells)]
