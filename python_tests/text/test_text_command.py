"""`python -m alignops.text`."""

import runpy
import sys

import pytest


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["alignops.text", *arguments])
    runpy.run_module("alignops.text", run_name="__main__")


def test_a_caption_is_laid_out(monkeypatch, capsys):
    run(monkeypatch, "A small red circle is above a large blue square.", "--seed", "1")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A small red circle is above a large blue square."
    found = {line.split()[0] for line in lines[1:]}
    assert found == {"entity", "relation", "positive", "negative", "word"}
    assert "  entity    small red circle" in lines
    assert "  relation  small red circle above large blue square" in lines


def test_the_seed_decides(monkeypatch, capsys):
    outputs = []
    for seed in ("1", "1", "2"):
        run(monkeypatch, "A small red circle is above a large blue square.", "--seed", seed)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]


def test_a_missing_vocabulary_is_named(monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"words.json does not exist"):
        run(monkeypatch, "A dog.", "--vocabulary", "words.json")
