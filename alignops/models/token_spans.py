"""Where the phrases of a text stand among the tokens of a model's tokenizer."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from alignops.models.tokenizer import WordTokenizer

Span = tuple[int, int]


def read_text(tokenizer: Any, text: str) -> str:
    """Give a text as a tokenizer reads it: in lower case, and cleaned by open_clip's.

    Raises:
        ValueError: the tokenizer is neither the tiny model's nor open_clip's BPE.
    """
    if isinstance(tokenizer, WordTokenizer):
        return text.lower()
    cleaned: str = _simple(tokenizer).clean_fn(text)
    return cleaned


def token_spans(tokenizer: Any, text: str, spans: Sequence[Span]) -> Tensor:
    """Find the tokens of spans of characters.

    A token belongs to a span if its word overlaps the span; all sub-words of a word are together.
    Spans without a token, and those that reach beyond the context length, are left out.

    Args:
        tokenizer: of the model.
        text: as `read_text` gives it.
        spans: first character and one past the last.

    Returns:
        int64 (n, 2): first position and one past the last in the tokenizer's row of ids, where the
        start token has position 0. No two are the same.

    Raises:
        ValueError: the tokenizer is neither the tiny model's nor open_clip's BPE.
    """
    offsets = [offset for word in _words(tokenizer, text) for offset in word]
    limit = tokenizer.context_length - 1
    found: dict[Span, None] = {}
    for start, end in spans:
        inside = [place for place, (a, b) in enumerate(offsets, 1) if a < end and b > start]
        if inside and inside[-1] < limit:
            found[inside[0], inside[-1] + 1] = None
    return torch.tensor(list(found), dtype=torch.int64).reshape(-1, 2)


def _words(tokenizer: Any, text: str) -> Iterator[list[Span]]:
    """Yield per word its characters, once per token of it."""
    if isinstance(tokenizer, WordTokenizer):
        yield from ([span] for span in tokenizer.word_spans(text))
        return
    simple = _simple(tokenizer)
    for word in simple.pat.finditer(text):
        characters = "".join(simple.byte_encoder[byte] for byte in word.group().encode())
        yield [word.span()] * len(simple.bpe(characters).split(" "))


def _simple(tokenizer: Any) -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    if not isinstance(tokenizer, SimpleTokenizer) or tokenizer.reduction_fn is not None:
        raise ValueError(
            f"tokenizer is {type(tokenizer).__name__}; expected the tiny model's, or open_clip's "
            "BPE tokenizer that cuts texts at the end"
        )
    return tokenizer
