import pytest

from alignops.models.tokenizer import WordTokenizer


def test_special_ids_frame_the_words():
    tokenizer = WordTokenizer(["blue", "square"], context_length=6)
    assert tokenizer.vocab_size == 6
    assert tokenizer(["Blue square, red"]).tolist() == [[1, 3, 4, 2, 5, 0]]


def test_long_texts_are_cut_and_keep_their_end():
    tokenizer = WordTokenizer(["a"], context_length=4)
    assert tokenizer("a a a a").tolist() == [[1, 3, 3, 4]]


def test_rare_words_stay_out_of_the_vocabulary():
    tokenizer = WordTokenizer.from_texts(["a dog", "A cat's dog"], 8, minimum_count=2)
    assert tokenizer.words == ("a", "dog")


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="words holds a word twice"):
        WordTokenizer(["a", "a"], 4)
    with pytest.raises(ValueError, match="context_length is 2; expected at least 3"):
        WordTokenizer(["a"], 2)
