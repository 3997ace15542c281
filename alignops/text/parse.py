"""Captions to graphs or phrases: from the cache, here, or in several processes."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from alignops.cache_folder import cache_folder
from alignops.text.cache import ParseCache
from alignops.text.graph import SceneGraph
from alignops.text.phrase import Phrase
from alignops.text.processes import available_processors, parse_in_processes
from alignops.text.structures import GRAPHS, PHRASES, Structure

T = TypeVar("T")
Cache = str | Path | Literal[False] | None

# Captions parsed and cached together.
BATCH = 256
# A process takes seconds to start, the time of thousands of captions.
LEAST_PER_PROCESS = 4096
# This process decodes and caches what the workers parse. More workers than this wait for it.
MOST_PROCESSES = 16
# Fewer captions take seconds, too short for a progress bar.
MANY = 10_000


def parse_captions(
    captions: Sequence[str], *, processes: int | None = None, cache: Cache = None
) -> list[SceneGraph]:
    """Extract the entities and relations of each caption.

    Each process loads spaCy and its model once, when it has a caption to parse. Repeated captions
    are parsed once.

    Args:
        captions: English captions. An empty or blank one gives an empty graph.
        processes: largest number of worker processes; None = one per processor, up to 16. Workers
            take seconds to start, so few captions are parsed in this process.
        cache: folder that stores graphs by caption and parser; None = "parses" in the user's cache
            (`alignops.cache_folder`), False = no cache. Each batch is stored as soon as it is
            parsed.

    Returns:
        One graph per caption, in order; the result does not depend on `processes`.

    Raises:
        TypeError: `captions` is a single string, or an item is not a string.
        ValueError: `processes` is less than 1, or a caption is not Unicode text.
        ImportError: no English spaCy model is installed.

    Warns:
        UserWarning: the cache is damaged or cannot be used; its captions are parsed again.
    """
    return _parse(GRAPHS, captions, processes, cache)


def find_phrases(
    captions: Sequence[str], *, processes: int | None = None, cache: Cache = None
) -> list[tuple[Phrase, ...]]:
    """List the phrases of each caption, the whole caption among them.

    Args:
        captions: English captions.
        processes: as for `parse_captions`.
        cache: as for `parse_captions`.

    Returns:
        The phrases of each caption by start, longer ones first; no two have the same span. A
        caption without words has none.

    Raises:
        TypeError, ValueError, ImportError: as for `parse_captions`.

        s:
        UserWarning: as for `parse_captions`.
    """
    return _parse(PHRASES, captions, processes, cache)


def _parse(
    structure: Structure[T], captions: Sequence[str], processes: int | None, cache: Cache
) -> list[T]:
    _check(captions, processes)
    if not captions:
        return []
    store = None if cache is False else ParseCache(_folder(cache), structure)
    distinct = dict.fromkeys(captions)
    parses = {} if store is None else store.read(distinct)
    for batch in _parse_new(structure, [c for c in distinct if c not in parses], processes):
        if store is not None:
            store.write(batch)
        parses.update(batch)
    return [parses[caption] for caption in captions]


def _parse_new(
    structure: Structure[T], captions: Sequence[str], processes: int | None
) -> Iterator[dict[str, T]]:
    """Yield the parses of batches of captions, with a progress bar for many."""
    batches = [captions[start : start + BATCH] for start in range(0, len(captions), BATCH)]
    most = processes or min(available_processors(), MOST_PROCESSES)
    count = min(most, len(captions) // LEAST_PER_PROCESS)
    parsed: Iterable[list[T]]
    if count > 1:
        parsed = parse_in_processes(structure, batches, count)
    else:
        parsed = map(structure.parse, batches)
    if len(captions) >= MANY:
        parsed = _with_progress(parsed, len(batches))
    for batch, parses in zip(batches, parsed, strict=True):
        yield dict(zip(batch, parses, strict=True))


def _with_progress(parsed: Iterable[list[T]], batches: int) -> Iterable[list[T]]:
    from rich.console import Console
    from rich.progress import track

    return track(parsed, "Parsing captions", batches, console=Console(stderr=True))


def _folder(cache: str | Path | None) -> Path:
    return cache_folder("parses") if cache is None else Path(cache)


def _has_surrogates(caption: str) -> bool:
    """Detect text that UTF-8 cannot encode and spaCy cannot read; JSON from the web may hold it."""
    return any("\ud800" <= character <= "\udfff" for character in caption)


def _check(captions: Sequence[str], processes: int | None) -> None:
    if isinstance(captions, str):
        raise TypeError(f"captions is {captions!r}; expected a sequence of strings")
    for index, caption in enumerate(captions):
        if not isinstance(caption, str):
            raise TypeError(f"captions[{index}] is {caption!r}; expected a string")
        if not caption.isascii() and _has_surrogates(caption):
            raise ValueError(f"captions[{index}] is {caption!r}; expected no lone surrogates")
    if processes is not None and processes < 1:
        raise ValueError(f"processes is {processes}; expected at least 1")
