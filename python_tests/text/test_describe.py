"""`alignops text`."""

import io

import pytest

from alignops.cli import main

CAPTION = "A small red circle is above a large blue square."


def test_a_caption_is_laid_out(capsys):
    assert main(["text", CAPTION, "--seed", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == CAPTION
    found = {line.split()[0] for line in lines[1:]}
    assert found == {"entity", "relation", "phrase", "positive", "negative", "word"}
    assert "  entity    small red circle" in lines
    assert "  relation  small red circle above large blue square" in lines
    assert "  phrase    above a large blue square" in lines


def test_captions_may_come_as_lines(monkeypatch, capsys):
    assert main(["text", CAPTION, "A dog."]) == 0
    expected = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{CAPTION}\n\n  A dog.  \n"))
    assert main(["text"]) == 0
    assert capsys.readouterr().out == expected


def test_the_seed_decides(capsys):
    outputs = []
    for seed in ("1", "1", "2"):
        main(["text", CAPTION, "--seed", seed])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]


def test_no_more_texts_are_drawn_than_asked_for(capsys):
    assert main(["text", CAPTION, "--positives", "1", "--negatives", "2"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert (names.count("positive"), names.count("negative")) == (1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "words.json; expected a file that exists"), ("[]", "expected a JSON object")],
)
def test_a_vocabulary_that_is_none_is_named(content, message, tmp_path, capsys):
    words = tmp_path / "words.json"
    if content is not None:
        words.write_text(content)
    assert main(["text", "A dog.", "--vocabulary", str(words)]) == 2
    assert message in capsys.readouterr().err
