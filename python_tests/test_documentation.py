"""The examples of the documentation run as they stand."""

import re
from pathlib import Path

import pytest
from child_process import run_python

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/losses.md", "docs/training_loop.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_a_page_runs_after_those_before_it(page, tmp_path):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = [match.span(1) for match in BLOCK.finditer(text)]
    assert len(blocks) == text.count("```python")
    script = tmp_path / "examples.py"
    script.write_text(_blank_except(text, blocks), encoding="utf-8")
    child = run_python(script)
    assert child.returncode == 0, child.stderr


def _blank_except(text, spans):
    """Blank the text outside the spans; line breaks stay, so code keeps its line numbers."""
    kept, position = [], 0
    for start, end in spans:
        kept += ["\n" * text.count("\n", position, start), text[start:end]]
        position = end
    return "".join(kept)
