import torch

from alignops.methods.common.captions import CaptionTable, distinct_texts

CAPTIONS = [("a dog", "a cat"), ("a dog",), (), ("a cow", "a dog")]


def test_captions_are_one_list_and_go_back_to_their_images():
    table = CaptionTable(CAPTIONS)
    assert table.texts == ["a dog", "a cat", "a dog", "a cow", "a dog"]
    assert table.counts == [2, 1, 0, 2]
    assert [tuple(group) for group in table.by_image(table.texts)] == CAPTIONS
    assert table.image_index.tolist() == [0, 0, 1, 3, 3]


def test_distinct_texts_keep_the_order_of_their_first_appearance():
    table = CaptionTable(CAPTIONS)
    assert table.distinct == ["a dog", "a cat", "a cow"]
    assert table.rows == [0, 1, 0, 2, 0]
    assert distinct_texts([]) == ([], [])


def test_no_captions_are_an_empty_table():
    table = CaptionTable([])
    assert table.texts == table.by_image([]) == []
    assert table.image_index.dtype == torch.int64
    assert table.image_index.shape == (0,)
