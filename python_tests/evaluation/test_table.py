"""One set of results in three forms."""

import io

import pytest
from rich.console import Console

from alignops.evaluation import Accuracy, as_markdown, as_table, read_json, write_json

RESULTS = {
    "base": {"R@1": Accuracy(0.2215, 1000), "swap": Accuracy(0.5, 400)},
    "ComAlign": {"R@1": Accuracy(0.74, 1000), "swap": Accuracy(1.0, 380), "add": Accuracy(0, 7)},
}


def test_markdown():
    assert as_markdown(RESULTS) == (
        "| percent | cases | base | ComAlign |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| R@1 | 1000 | 22.1 | 74.0 |\n"
        "| swap | 400 / 380 | 50.0 | 100.0 |\n"
        "| add | 7 |  | 0.0 |\n"
    )


def test_table_shows_the_same_cells():
    console = Console(width=80, file=io.StringIO())
    console.print(as_table(RESULTS))
    lines = console.file.getvalue().splitlines()
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert ["R@1", "1000", "22.1", "74.0"] in cells
    assert ["add", "7", "", "0.0"] in cells


def test_json_round_trip(tmp_path):
    path = tmp_path / "results.json"
    write_json(RESULTS, path)
    assert read_json(path) == RESULTS
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.json"
    write_json(RESULTS, path)
    with pytest.raises(TypeError):
        write_json({"base": {"R@1": Accuracy({1, 2}, 3)}}, path)
    assert read_json(path) == RESULTS


def test_no_results():
    assert as_markdown({}) == "| percent | cases |\n| --- | ---: |\n"


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"a": 1}', '{"a": {"b": {"c": 1}}}'])
def test_damaged_results_are_named(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(ValueError, match=r"results\.json is damaged: .*; measure again"):
        read_json(tmp_path / "results.json")
