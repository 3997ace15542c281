"""The parser's key changes with the rules, and with nothing else."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

import alignops.text
from alignops.text.rules import identity
from alignops.text.rules.identity import RULES, parser_key

TEXT = Path(alignops.text.__file__).parent
FILES = sorted(path.name for path in RULES.glob("*.py"))


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package that replaces it."""
    folder = Path(copytree(TEXT, tmp_path / "text"))
    monkeypatch.setattr(identity, "RULES", folder / "rules")
    yield folder
    parser_key.cache_clear()


def key():
    parser_key.cache_clear()
    return parser_key()


@pytest.mark.parametrize("name", FILES)
def test_touching_a_rule_changes_the_key(copy, name):
    before = key()
    with (copy / "rules" / name).open("a") as file:
        file.write("# changed\n")
    assert key() != before


def test_a_new_rule_changes_the_key(copy):
    before = key()
    (copy / "rules" / "new.py").touch()
    assert key() != before


def test_touching_another_file_does_not(copy):
    before = key()
    others = [path for path in copy.rglob("*.py") if path.parent != copy / "rules"]
    assert copy / "parse.py" in others
    for path in others:
        path.write_text("# changed")
    assert key() == before


@pytest.mark.parametrize("package", ["spacy", "model"])
def test_another_version_changes_the_key(package, monkeypatch):
    before = key()
    versions = identity.version
    changed = {"spacy": "spacy", "model": identity.installed_model()}[package]
    monkeypatch.setattr(identity, "version", lambda name: versions(name) + "x" * (name == changed))
    assert key() != before
    parser_key.cache_clear()


def test_the_key_is_computed_once(monkeypatch):
    key()
    monkeypatch.setattr(identity, "version", None)
    assert parser_key()


def test_all_that_decides_a_parse_is_a_rule():
    program = (
        "import sys, alignops.text.rules.graphs, alignops.text.rules.phrases\n"
        "print(*(name for name in sys.modules if name.startswith('alignops.text.')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    rooms = {"rules", "graph", "parse", "phrase", "cache", "processes", "structures"}
    modules = [name.split(".")[2:] for name in loaded.stdout.split()]
    assert {name[0] for name in modules} == rooms
    assert {name[-1] + ".py" for name in modules if len(name) == 2} == {*FILES} - {"__init__.py"}
