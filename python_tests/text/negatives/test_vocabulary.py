"""The vocabulary of hard negatives."""

import pytest

from alignops.text import Entity, Relation, SceneGraph
from alignops.text.negatives.vocabulary import Vocabulary

GRAPHS = [
    SceneGraph((Entity("dog", ("brown",)), Entity("cat", ("black",))), (Relation(0, "chases", 1),)),
    SceneGraph((Entity("dog", ("black",)), Entity("ant")), (Relation(0, "near", 1),)),
]


def test_words_are_ordered_by_frequency_then_alphabet():
    vocabulary = Vocabulary.from_graphs(GRAPHS)
    assert vocabulary == Vocabulary(("dog", "ant", "cat"), ("black", "brown"), ("chases", "near"))
    assert Vocabulary.from_graphs(reversed(GRAPHS)) == vocabulary


def test_only_the_most_frequent_are_kept():
    vocabulary = Vocabulary.from_graphs(GRAPHS, objects=1, attributes=1, relations=1)
    assert vocabulary == Vocabulary(("dog",), ("black",), ("chases",))


def test_a_saved_vocabulary_is_read_back(tmp_path):
    vocabulary = Vocabulary.from_graphs(GRAPHS)
    vocabulary.save(tmp_path / "words.json")
    assert Vocabulary.load(tmp_path / "words.json") == vocabulary


def test_errors_name_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.json does not exist"):
        Vocabulary.load(tmp_path / "missing.json")
    for text in ("{", '{"objects": []}', "[1]"):
        (tmp_path / "broken.json").write_text(text)
        with pytest.raises(ValueError, match=r"broken.json is not a JSON object of objects, attr"):
            Vocabulary.load(tmp_path / "broken.json")
