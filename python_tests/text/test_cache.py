"""The cache of parses: contents, damage, and the parser's key."""

import re
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing

import pytest

from alignops.text import find_phrases, parse, parse_captions
from alignops.text.cache import ParseCache
from alignops.text.structures import GRAPHS, PHRASES

CAPTIONS = [
    "Two brown dogs sit on a couch.",
    "",
    'A café "with" a sign.',
    "A man rides a horse.",
    "Two brown dogs sit on a couch.",
]
BOTH = pytest.mark.parametrize("find", [parse_captions, find_phrases])


@pytest.fixture
def parsed(monkeypatch):
    """The batches that were parsed."""
    batches = []
    original = parse._parse_new

    def record(structure, captions, processes):
        for batch in original(structure, captions, processes):
            batches.append([*batch])
            yield batch

    monkeypatch.setattr(parse, "_parse_new", record)
    return batches


def file_of(folder):
    [path] = folder.iterdir()
    return path


@BOTH
def test_parses_are_read_back(find, tmp_path, parsed):
    parses = find(CAPTIONS, cache=tmp_path / "new" / "folder")
    assert parses == find(CAPTIONS, cache=False)
    parsed.clear()
    assert find(CAPTIONS[::-1], cache=tmp_path / "new" / "folder") == parses[::-1]
    assert not parsed


def test_without_a_folder_the_user_s_is_used(tmp_path, monkeypatch, parsed):
    monkeypatch.setenv("ALIGNOPS_CACHE", str(tmp_path))
    graphs = parse_captions(CAPTIONS)
    phrases = find_phrases(CAPTIONS)
    parsed.clear()
    assert parse_captions(CAPTIONS) == graphs
    assert find_phrases(CAPTIONS) == phrases
    assert not parsed
    assert file_of(tmp_path / "parses").suffix == ".sqlite"


@BOTH
def test_false_keeps_nothing(find, tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNOPS_CACHE", str(tmp_path))
    find(CAPTIONS, cache=False)
    assert not [*tmp_path.iterdir()]


def test_only_new_captions_are_parsed(tmp_path, parsed):
    parse_captions(CAPTIONS[:3], cache=tmp_path)
    parse_captions(CAPTIONS, cache=tmp_path)
    assert parsed == [CAPTIONS[:3], [CAPTIONS[3]]]


def test_a_run_that_breaks_off_keeps_its_batches(tmp_path, monkeypatch):
    original = parse._parse_new

    def break_off(*arguments):
        yield next(original(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(parse, "_parse_new", break_off)
    monkeypatch.setattr(parse, "BATCH", 2)
    with pytest.raises(KeyboardInterrupt):
        parse_captions(CAPTIONS, cache=tmp_path)
    assert set(ParseCache(tmp_path, GRAPHS).read(CAPTIONS)) == set(CAPTIONS[:2])


def test_another_parser_has_another_file(tmp_path, monkeypatch):
    graphs = dict(zip(CAPTIONS, parse_captions(CAPTIONS), strict=True))
    ParseCache(tmp_path, GRAPHS).write(graphs)
    with monkeypatch.context() as patch:
        patch.setattr("alignops.text.cache.parser_key", lambda: "other")
        assert ParseCache(tmp_path, GRAPHS).read(CAPTIONS) == {}
    assert ParseCache(tmp_path, GRAPHS).read([*CAPTIONS, "new"]) == graphs


def test_more_captions_than_one_query_takes(tmp_path):
    [graph] = parse_captions(["A man rides a horse."])
    graphs = {f"caption {number}": graph for number in range(2500)}
    ParseCache(tmp_path, GRAPHS).write(graphs)
    assert ParseCache(tmp_path, GRAPHS).read(graphs) == graphs


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.1, 0.4, 0.6, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_built_anew(tmp_path, keep):
    captions = [f"A dog chases {number} cats." for number in range(300)]
    expected = parse_captions(captions, cache=tmp_path)
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert parse_captions(captions, cache=tmp_path) == expected
    assert caught or keep == 0, "an empty file is an empty cache"
    assert all(re.search("is built anew|are parsed again", str(one.message)) for one in caught)
    parse_captions(captions, cache=tmp_path)  # the damage may be found by a write
    assert len(ParseCache(tmp_path, GRAPHS).read(captions)) == len(captions)


def test_a_file_of_something_else_is_built_anew(tmp_path):
    expected = parse_captions(CAPTIONS, cache=tmp_path)
    file_of(tmp_path).write_text("no database " * 1000)
    with pytest.warns(UserWarning, match="is damaged .*; it was deleted and is built anew"):
        assert parse_captions(CAPTIONS, cache=tmp_path) == expected
    assert len(ParseCache(tmp_path, GRAPHS).read(CAPTIONS)) == 4


def test_a_changed_graph_is_not_believed(tmp_path):
    expected = parse_captions(CAPTIONS, cache=tmp_path)
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"horse", b"zebra"))
    with pytest.warns(UserWarning, match="holds 1 damaged parses; these captions are parsed again"):
        assert parse_captions(CAPTIONS, cache=tmp_path) == expected
    assert parse_captions(CAPTIONS, cache=tmp_path) == expected


def test_a_folder_that_is_none_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.warns(UserWarning, match="cannot be used .*; captions are parsed without") as found:
        graphs = parse_captions(CAPTIONS, cache=tmp_path / "file")
    assert len(found) == 1
    assert graphs == parse_captions(CAPTIONS, cache=False)
    assert (tmp_path / "file").read_text() == "mine"


WRITER = """
import sys
from pathlib import Path
from alignops.text import SceneGraph
from alignops.text.cache import ParseCache
from alignops.text.structures import GRAPHS
folder, name, batches = sys.argv[1:]
cache = ParseCache(Path(folder), GRAPHS)
for batch in range(int(batches)):
    cache.write({f"{name} {batch} {number}": SceneGraph() for number in range(100)})
    print(batch, flush=True)
"""


def start_writer(folder, name, batches):
    command = [sys.executable, "-W", "error", "-c", WRITER, str(folder), name, str(batches)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def captions_of(name, batches):
    return [f"{name} {batch} {number}" for batch in range(batches) for number in range(100)]


def test_several_processes_lose_nothing(tmp_path):
    writers = {name: start_writer(tmp_path, name, 20) for name in ("one", "two", "three")}
    for writer in writers.values():
        writer.communicate()
        assert writer.returncode == 0
    captions = [caption for name in writers for caption in captions_of(name, 20)]
    assert set(ParseCache(tmp_path, GRAPHS).read(captions)) == set(captions)


def test_a_killed_writer_leaves_whole_batches(tmp_path):
    captions = captions_of("one", 1000)
    for milliseconds in (1, 4, 13):
        with start_writer(tmp_path, "one", 1000) as writer:
            written = 1 + int(writer.stdout.readline())
            time.sleep(milliseconds / 1000)
            writer.kill()
        cache = ParseCache(tmp_path, GRAPHS)
        found = cache.read(captions)
        assert len(found) % 100 == 0
        assert len(found) >= 100 * written
        assert set(found) == set(captions[: len(found)])
        with closing(sqlite3.connect(cache.path)) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_form_on_disk_is_pinned():
    """A change needs a higher `FORMAT`, so that caches of the old form are not read."""
    [graph] = parse_captions(["Two red dogs sit."])
    [phrases] = find_phrases(["Red dogs"])
    assert GRAPHS.encode(graph) == ([("dogs", ("red",), (4, 12), 2)], [])
    assert PHRASES.encode(phrases) == (("NP", (0, 8)),)


def test_cached_captions_need_no_spacy(tmp_path):
    parse_captions(CAPTIONS, cache=tmp_path)
    program = (
        "import sys; from alignops.text import parse_captions\n"
        f"assert len(parse_captions({CAPTIONS!r}, cache={str(tmp_path)!r})) == {len(CAPTIONS)}\n"
        "assert 'spacy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
