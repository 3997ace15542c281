"""A word-level tokenizer for small vocabularies, with open_clip's conventions."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


class WordTokenizer:
    """Lower-cased words to ids: 0 pads, 1 starts, 2 is an unknown word, the highest id ends.

    The end token has the highest id because open_clip's `argmax` pooling finds it that way.

    Attributes:
        words: the vocabulary, in id order, from id 3.
        context_length: tokens per text, start and end included; longer texts are cut.
    """

    def __init__(self, words: Sequence[str], context_length: int) -> None:
        if len(set(words)) != len(words):
            raise ValueError("words holds a word twice; expected different ones")
        if context_length < 3:
            raise ValueError(f"context_length is {context_length}; expected at least 3")
        self.words = tuple(words)
        self.context_length = context_length
        self._ids = {word: i for i, word in enumerate(self.words, start=3)}

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], context_length: int, minimum_count: int = 1
    ) -> "WordTokenizer":
        """Take as vocabulary the words that occur at least `minimum_count` times."""
        counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
        kept = sorted(word for word, count in counts.items() if count >= minimum_count)
        return cls(kept, context_length)

    @property
    def vocab_size(self) -> int:
        """Number of ids, the four special ones included."""
        return len(self.words) + 4

    def word_spans(self, text: str) -> list[tuple[int, int]]:
        """Find the words of a text in lower case: first character and one past the last."""
        return [word.span() for word in _WORD.finditer(text)]

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        """Token ids of the texts, int64 of shape (len(texts), context_length)."""
        texts = [texts] if isinstance(texts, str) else texts
        ids = torch.zeros(len(texts), self.context_length, dtype=torch.int64)
        for row, text in zip(ids, texts, strict=True):
            words = _WORD.findall(text.lower())[: self.context_length - 2]
            tokens = [1, *(self._ids.get(word, 2) for word in words), self.vocab_size - 1]
            row[: len(tokens)] = torch.tensor(tokens)
        return ids
