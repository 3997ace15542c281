"""The cache of graphs: what it keeps, what it survives, and whose graphs it gives."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from alignops.text import parse_captions
from alignops.text.cache import GraphCache
from alignops.text.identity import RULE_FILES, parser_identity

CAPTIONS = [
    "Two brown dogs sit on a couch.",
    "",
    'A café "with" a sign.',
    "A man rides a horse.",
    "Two brown dogs sit on a couch.",
]


@pytest.fixture
def no_parser(monkeypatch):
    def refuse(batches, processes):
        assert not batches, f"parsed again: {batches}"
        return iter(())

    return lambda: monkeypatch.setattr("alignops.text.parse._parse_batches", refuse)


def file_of(folder):
    [path] = folder.iterdir()
    return path


def test_graphs_are_read_back(tmp_path, no_parser):
    graphs = parse_captions(CAPTIONS, cache=tmp_path / "new" / "folder")
    assert graphs == parse_captions(CAPTIONS)
    no_parser()
    assert parse_captions(CAPTIONS[::-1], cache=tmp_path / "new" / "folder") == graphs[::-1]


def test_only_new_captions_are_parsed(tmp_path, monkeypatch):
    from alignops.text import parse

    batches_of = []
    original = parse._parse_batches

    def record(batches, processes):
        batches_of.append(batches)
        return original(batches, processes)

    monkeypatch.setattr(parse, "_parse_batches", record)
    parse_captions(CAPTIONS[:3], cache=tmp_path)
    parse_captions(CAPTIONS, cache=tmp_path)
    assert batches_of == [[CAPTIONS[:3]], [[CAPTIONS[3]]]]


def test_a_run_that_breaks_off_keeps_its_batches(tmp_path, monkeypatch):
    from alignops.text import parse

    original = parse._parse_batches

    def break_off(batches, processes):
        yield next(original(batches, processes))
        raise KeyboardInterrupt

    monkeypatch.setattr(parse, "_parse_batches", break_off)
    with pytest.raises(KeyboardInterrupt):
        parse_captions(CAPTIONS, cache=tmp_path, batch_size=2)
    assert set(GraphCache(tmp_path, parser_identity()).read(CAPTIONS)) == set(CAPTIONS[:2])


@pytest.mark.parametrize("keep", [1, 32, 33, 37, 42, 60])
def test_a_torn_line_is_reported_and_parsed_again(tmp_path, keep):
    expected = parse_captions(CAPTIONS, cache=tmp_path)
    path = file_of(tmp_path)
    whole = path.read_bytes()
    last = len(whole.splitlines()[-1])
    path.write_bytes(whole[: -last - 1 + keep])
    with pytest.warns(UserWarning, match=rf"{path.name}, line 5 is broken"):
        assert parse_captions(CAPTIONS, cache=tmp_path) == expected
    with pytest.warns(UserWarning, match="line 5 is broken"):  # and what came after it is whole
        found = GraphCache(tmp_path, parser_identity()).read(CAPTIONS)
    assert [found[caption] for caption in CAPTIONS] == expected


def test_a_changed_graph_is_not_believed(tmp_path):
    expected = parse_captions(CAPTIONS, cache=tmp_path)
    path = file_of(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"horse", b"zebra"))
    with pytest.warns(UserWarning, match="is broken; its caption is parsed again"):
        assert parse_captions(CAPTIONS, cache=tmp_path) == expected


def test_another_parser_has_another_file(tmp_path):
    graphs = dict(zip(CAPTIONS, parse_captions(CAPTIONS), strict=True))
    GraphCache(tmp_path, "one").append(graphs)
    assert GraphCache(tmp_path, "other").read(CAPTIONS) == {}
    assert GraphCache(tmp_path, "one").read([*CAPTIONS, "new"]) == graphs


def test_several_writers_tear_no_line(tmp_path):
    [graph] = parse_captions(["A man rides a horse."])
    batches = [{f"caption {i} {j}": graph for j in range(200)} for i in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda batch: GraphCache(tmp_path, "one").append(batch), batches))
    found = GraphCache(tmp_path, "one").read(caption for batch in batches for caption in batch)
    assert len(found) == 4000


def test_cached_captions_need_no_spacy(tmp_path):
    parse_captions(CAPTIONS, cache=tmp_path)
    program = (
        "import sys; from alignops.text import parse_captions\n"
        f"assert len(parse_captions({CAPTIONS!r}, cache={str(tmp_path)!r})) == {len(CAPTIONS)}\n"
        "assert 'spacy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_identity_covers_all_rules():
    program = (
        "import sys, alignops.text.extraction\n"
        "names = (name for name in sys.modules if name.startswith('alignops.text.'))\n"
        "print(*(name.removeprefix('alignops.text.') + '.py' for name in names))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    around = {"parse.py", "cache.py", "identity.py"}
    assert set(loaded.stdout.split()) - around == set(RULE_FILES)
