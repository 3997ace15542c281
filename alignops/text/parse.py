"""Captions to scene graphs, in batches and in parallel."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rich.console import Console
from rich.progress import track

from alignops.text.scene_graph import SceneGraph

# Fewer captions are parsed within seconds, where a progress bar would only flicker.
MANY = 10_000


def parse_captions(
    captions: Sequence[str], *, batch_size: int = 256, processes: int = 1
) -> list[SceneGraph]:
    """Extract the entities and relations of each caption.

    spaCy and its model are loaded by the first call, once per process.

    Args:
        captions: English captions. An empty or blank one gives an empty graph.
        batch_size: captions parsed together.
        processes: worker processes; 1 parses in this one. More are spawned, so a script that asks
            for them keeps its own work under `if __name__ == "__main__":`.

    Returns:
        One graph per caption, in the same order.

    Raises:
        TypeError: if `captions` is a single string, or one of them is not a string.
        ValueError: if `batch_size` or `processes` is less than 1.
        ImportError: if no English spaCy model is installed.
    """
    _check(captions, batch_size, processes)
    batches = [
        captions[start : start + batch_size] for start in range(0, len(captions), batch_size)
    ]
    parsed: Iterable[list[SceneGraph]] = _parse_batches(batches, processes)
    if len(captions) >= MANY:
        parsed = track(parsed, "Parsing captions", len(batches), console=Console(stderr=True))
    return [graph for batch in parsed for graph in batch]


def _parse_batches(batches: Sequence[Sequence[str]], processes: int) -> Iterator[list[SceneGraph]]:
    from alignops.text.extraction import extract  # imports spaCy

    if processes == 1:
        yield from map(extract, batches)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(extract, batches)


def _check(captions: Sequence[str], batch_size: int, processes: int) -> None:
    if isinstance(captions, str):
        raise TypeError(f"captions must be a sequence of strings, got one string: {captions!r}")
    for index, caption in enumerate(captions):
        if not isinstance(caption, str):
            raise TypeError(f"captions[{index}] must be a string, got {type(caption).__name__}")
    for name, value in (("batch_size", batch_size), ("processes", processes)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
