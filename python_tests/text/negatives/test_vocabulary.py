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


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.json; expected a file that exists"):
        Vocabulary.load(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"broken.json; expected a JSON file \("),
        ("[1]", r"broken.json, which holds \[1\]; expected a JSON object"),
        ('{"objects": ["dog"]}', "attributes in .*broken.json is None; expected a list of strings"),
        ('{"objects": "dog"}', "objects in .*broken.json is 'dog'; expected a list of strings"),
        ('{"objects": [1]}', r"objects in .*broken.json is \[1\]; expected a list of strings"),
        ('{"objects": []}', "objects in .*broken.json is empty; expected at least one word"),
    ],
)
def test_a_file_that_holds_something_else_is_named(content, message, tmp_path):
    (tmp_path / "broken.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        Vocabulary.load(tmp_path / "broken.json")
