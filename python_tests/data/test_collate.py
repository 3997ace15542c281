import pytest
import torch

from alignops.data import pad_rows


def test_pads_to_the_longest():
    items = [torch.ones(1, 2), torch.full((3, 2), 2.0), torch.ones(0, 2)]
    padded, mask = pad_rows(items)
    assert padded.shape == (3, 3, 2)
    assert mask.tolist() == [[True, False, False], [True, True, True], [False, False, False]]
    for row, item, valid in zip(padded, items, mask, strict=True):
        assert torch.equal(row[valid], item)
        assert (row[~valid] == 0).all()


def test_only_empty_items():
    padded, mask = pad_rows([torch.ones(0, 5)] * 2)
    assert padded.shape == (2, 0, 5)
    assert mask.shape == (2, 0)


def test_no_items():
    with pytest.raises(ValueError, match="items is empty; expected at least one tensor"):
        pad_rows([])
