"""Parsing in several processes gives the same graphs as in one, from any script."""

import os
import subprocess
import sys

import pytest

from alignops.text import find_phrases, parse, parse_captions
from alignops.text.processes import available_processors, parse_in_processes
from alignops.text.structures import GRAPHS

CAPTIONS = [
    *("A man rides a horse .", "", "Two dogs\tchase\na café's cat"),
    *("A red cross left of a blue ring.", "A dog sits on a couch, and a cat does not."),
]


@pytest.mark.slow
@pytest.mark.parametrize("find", [parse_captions, find_phrases])
def test_any_number_of_processes_gives_the_same(find, monkeypatch):
    captions = [f"{number} dogs and {one}" for number in range(5) for one in CAPTIONS]
    monkeypatch.setattr(parse, "BATCH", 4)
    expected = find(captions, cache=False, processes=1)
    monkeypatch.setattr(parse, "LEAST_PER_PROCESS", 10)
    assert find(captions, cache=False, processes=3) == expected


@pytest.mark.parametrize(
    ("captions", "processes", "expected"),
    [
        (9, None, 1),
        (19, 4, 1),
        (20, 4, 2),
        (30, 2, 2),
        (100, 1, 1),
        (1000, None, 16),
        (1000, 20, 20),
    ],
)
def test_few_captions_stay_in_this_process(captions, processes, expected, monkeypatch):
    started = [1]

    def start(structure, batches, processes):
        started.append(processes)
        return [[None] * len(batch) for batch in batches]

    monkeypatch.setattr(parse, "LEAST_PER_PROCESS", 10)
    monkeypatch.setattr(parse, "available_processors", lambda: 64)
    monkeypatch.setattr(parse, "parse_in_processes", start)
    parse_captions(
        [f"{number} dogs" for number in range(captions)], processes=processes, cache=False
    )
    assert started[-1] == expected


def test_processors_are_those_of_this_process():
    assert 1 <= available_processors() <= os.cpu_count()


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from alignops.text import parse, parse_captions\n"
        "parse.LEAST_PER_PROCESS = 2\n"
        "captions = ['A dog.', 'A cat.', 'A cow.', 'A horse.']\n"
        "graphs = parse_captions(captions, processes=2, cache=False)\n"
        "print([graph.entities[0].noun for graph in graphs])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, check=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "['dog', 'cat', 'cow', 'horse']\n"


@pytest.mark.slow
def test_a_process_that_dies_is_an_error(monkeypatch, capfd):
    monkeypatch.setattr("alignops.text.processes._SERVE", "raise SystemExit(3)")
    with pytest.raises(
        RuntimeError, match="a process that parsed captions ended with exit status 3"
    ):
        list(parse_in_processes(GRAPHS, [["a dog"]] * 5, 2))
