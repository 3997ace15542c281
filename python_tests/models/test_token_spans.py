"""Token spans of phrases: the tokens of a span decode to the phrase."""

import re

import open_clip
import pytest
from published_data import FLICKR8K

from alignops.data import read_captions
from alignops.models.token_spans import read_text, token_spans
from alignops.models.tokenizer import WordTokenizer
from alignops.text import find_phrases

CAPTIONS = [
    "A small red circle is to the left of a large blue square.",
    "A snowboarder's ski-lift ticket , 12 feet high &amp; “unforgettable” .",
    "THE CAFÉ'S NAÏVE COOK CANNOT SLEEP",
]


def decode(tokenizer, ids):
    if isinstance(tokenizer, WordTokenizer):
        return "".join(tokenizer.words[token - 3] for token in ids)
    return tokenizer.decode(ids).replace(" ", "")


def written(tokenizer, phrase):
    if isinstance(tokenizer, WordTokenizer):
        return "".join(re.findall(r"[a-z0-9]+(?:'[a-z]+)?", phrase))
    return re.sub(r"\s", "", phrase)


def check(tokenizer, captions):
    """Compare each span with its phrase; returns the number of spans."""
    texts = [read_text(tokenizer, caption) for caption in captions]
    compared = 0
    for text, phrases in zip(texts, find_phrases(texts), strict=True):
        ids = tokenizer([text])[0].tolist()
        assert ids == tokenizer([read_text(tokenizer, text)])[0].tolist()
        for phrase in phrases:
            for a, b in token_spans(tokenizer, text, [phrase.span]).tolist():
                assert decode(tokenizer, ids[a:b]) == written(tokenizer, text[slice(*phrase.span)])
                compared += 1
    return compared


def test_sub_words_of_open_clip():
    assert check(open_clip.get_tokenizer("ViT-B-16"), CAPTIONS) == 11


def test_words_of_the_tiny_model():
    assert check(WordTokenizer.from_texts(CAPTIONS[:2], 32), CAPTIONS[:2]) == 10


@pytest.mark.skipif(not FLICKR8K.is_dir(), reason="needs flickr8k_800 in ALIGNOPS_DATA")
@pytest.mark.parametrize("kind", ["bpe", "words"])
def test_real_captions(kind):
    captions = [
        text
        for texts in list(read_captions(FLICKR8K / "captions.txt").values())[:100]
        for text in texts
    ]
    bpe = open_clip.get_tokenizer("ViT-B-16")
    tokenizer = bpe if kind == "bpe" else WordTokenizer.from_texts(captions, 77)
    assert check(tokenizer, captions) > 6 * len(captions)


def test_phrases_beyond_the_context_are_left_out():
    text = "a dog sits on a red couch"
    spans = [(0, 25), (0, 5), (11, 25), (14, 25)]
    assert token_spans(WordTokenizer(["dog"], 6), text, spans).tolist() == [[1, 3]]
    # Positions 1 to 7 hold the words, 8 the end.
    whole = [[1, 8], [1, 3], [4, 8], [5, 8]]
    assert token_spans(WordTokenizer(["dog"], 9), text, spans).tolist() == whole
    assert token_spans(WordTokenizer(["dog"], 9), text, [(1, 2), (0, 2), (0, 1)]).tolist() == [
        [1, 2]
    ]


def test_other_tokenizers_are_refused():
    with pytest.raises(ValueError, match=r"tokenizer is HFLike; expected .* BPE tokenizer"):
        token_spans(type("HFLike", (), {})(), "a dog", [(0, 5)])
