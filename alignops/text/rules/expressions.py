"""Expressions of several words that act as one, merged into one token before parsing.

spaCy's small English model is trained on news and dialogue, where "left" is a verb and "to the left
of" two prepositions around a noun. A merged token shows the model the features of a plain word.
"""

import re
from itertools import pairwise

from spacy.attrs import NORM, PREFIX, SHAPE, SUFFIX
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.util import filter_spans
from spacy.vocab import Vocab

from alignops.text.rules.lexicon import (
    DESCRIPTIONS,
    GROUNDS,
    LOOK_ALIKES,
    NAMES,
    NAMES_OF_SHAPES,
    PREPOSITIONS,
    SPORTS,
)

# Words that the model nearly always tags right.
PLAIN_PREPOSITION = "beside"
PLAIN_NOUN = "table"


class ExpressionMerger:
    """Merges prepositions and names of several words, sports, and hyphenated words."""

    def __init__(self, vocab: Vocab) -> None:
        word, inner = {"IS_ALPHA": True}, {"IS_ALPHA": True, "SPACY": False}
        hyphen = {"ORTH": "-", "SPACY": False}
        self.matcher = Matcher(vocab)
        self.matcher.add(
            "expression",
            [
                *([{"LOWER": part} for part in words.split()] for words in (*PREPOSITIONS, *NAMES)),
                [{"LOWER": {"IN": list(GROUNDS)}}, {"LOWER": {"IN": list(SPORTS)}}],
                [inner, hyphen, word],
                [inner, hyphen, inner, hyphen, word],
            ],
        )

    def __call__(self, doc: Doc) -> Doc:
        """Merge the expressions of a tokenised caption in place."""
        if spans := filter_spans(self.matcher(doc, as_spans=True)):
            with doc.retokenize() as retokenizer:
                for span in spans:
                    retokenizer.merge(span)
        for before, token in pairwise(doc):
            if token.lower_ in NAMES_OF_SHAPES and before.lower_ in DESCRIPTIONS:
                token.norm_ = PLAIN_NOUN
        return doc


def show_plain_words(vocab: Vocab) -> None:
    """Give merged tokens the features of a plain word, as far as the model sees them."""
    getters = vocab.lex_attr_getters  # type: ignore[attr-defined]  # not in spaCy's stub
    for feature in (NORM, PREFIX, SUFFIX, SHAPE):
        getters[feature] = lambda text, getter=getters[feature]: getter(_plain_word(text))


def _plain_word(text: str) -> str:
    """Let the last word decide: "snow-covered" is "covered", "rock climbing" is "climbing"."""
    if text.lower() in PREPOSITIONS:
        return PLAIN_PREPOSITION
    if text.lower() in LOOK_ALIKES:
        return LOOK_ALIKES[text.lower()]
    return re.split("[- ]", text)[-1] or text
