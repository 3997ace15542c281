"""Captions to scene graphs, in batches and in parallel."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import track

from alignops.text.cache import GraphCache
from alignops.text.identity import parser_identity
from alignops.text.scene_graph import SceneGraph

# Fewer captions are parsed within seconds, where a progress bar would only flicker.
MANY = 10_000


def parse_captions(
    captions: Sequence[str],
    *,
    batch_size: int = 256,
    processes: int = 1,
    cache: str | Path | None = None,
) -> list[SceneGraph]:
    """Extract the entities and relations of each caption.

    spaCy and its model are loaded by the first call that has captions to parse, once per process.
    A caption that stands there twice is parsed once.

    Args:
        captions: English captions. An empty or blank one gives an empty graph.
        batch_size: captions parsed together.
        processes: worker processes; 1 parses in this one. More are spawned, so a script that asks
            for them keeps its own work under `if __name__ == "__main__":`.
        cache: a folder where graphs are kept and looked up, by caption and parser; made if missing.
            Every batch is kept as soon as it is parsed.

    Returns:
        One graph per caption, in the same order.

    Raises:
        TypeError: if `captions` is a single string, or one of them is not a string.
        ValueError: if `batch_size` or `processes` is less than 1.
        ImportError: if no English spaCy model is installed.
    """
    _check(captions, batch_size, processes)
    store = None if cache is None else GraphCache(Path(cache), parser_identity())
    graphs = {} if store is None else store.read(captions)
    new = [caption for caption in dict.fromkeys(captions) if caption not in graphs]
    batches = [new[start : start + batch_size] for start in range(0, len(new), batch_size)]
    parsed: Iterable[list[SceneGraph]] = _parse_batches(batches, processes)
    if len(new) >= MANY:
        parsed = track(parsed, "Parsing captions", len(batches), console=Console(stderr=True))
    for batch, found in zip(batches, parsed, strict=True):
        fresh = dict(zip(batch, found, strict=True))
        if store is not None:
            store.append(fresh)
        graphs.update(fresh)
    return [graphs[caption] for caption in captions]


def _parse_batches(batches: Sequence[Sequence[str]], processes: int) -> Iterator[list[SceneGraph]]:
    if not batches:
        return
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
