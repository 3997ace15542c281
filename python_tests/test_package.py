"""`import alignops`, with and without the packages of the extra `train`."""

import re
from importlib import import_module

import pytest
from child_process import run_python

import alignops
from alignops.extras import needs_train

SUBPACKAGES = [
    "data", "evaluation", "losses", "methods", "models", "text", "training", "vision",
]  # fmt: skip
# As after `pip install alignops`: packages of the extra `train` cannot be imported.
LIGHT = """
import sys
for package in ("PIL", "accelerate", "jsonargparse", "open_clip", "pycocotools", "rich",
                "safetensors", "spacy", "tensorboard", "torchvision", "yaml"):
    sys.modules[package] = None
"""


def light(code, *arguments):
    return run_python("-c", LIGHT + code, *arguments)


def command(*arguments):
    return light("from alignops.cli import main; sys.exit(main(sys.argv[1:]))", *arguments)


def test_a_subpackage_is_loaded_by_its_first_use():
    for package in ("accelerate", "open_clip", "spacy"):
        pytest.importorskip(package)
    child = run_python(
        "-c",
        f"""
import sys, alignops
for name in {SUBPACKAGES}:
    assert f"alignops.{{name}}" not in sys.modules, name
    assert name in dir(alignops), name
for name in {SUBPACKAGES}:
    assert getattr(alignops, name) is sys.modules[f"alignops.{{name}}"]
""",
    )
    assert child.returncode == 0, child.stderr


def test_in_the_command_the_ops_are_loaded_by_their_first_use():
    child = run_python(
        "-c",
        """
import sys
sys.argv[0] = "bin/alignops"
import alignops
assert "torch" not in sys.modules
for name in alignops.__all__:
    assert name in dir(alignops), name
import torch

@torch.compile(fullgraph=True, backend="eager")
def first_use(x, y):
    return alignops.fgm_similarity(x, y)

first_use(torch.randn(2, 3, 4), torch.randn(2, 3, 4))
for name in alignops.__all__:
    assert callable(vars(alignops)[name]), name
""",
    )
    assert child.returncode == 0, child.stderr


@pytest.mark.parametrize("packages", ["torch, alignops", "alignops, torch"])
def test_elsewhere_the_ops_are_registered_at_once(packages):
    child = run_python("-c", f"import {packages}; torch.ops.alignops.fgm_similarity")
    assert child.returncode == 0, child.stderr


def test_another_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'alignops' has no attribute 'loses'"):
        alignops.loses  # noqa: B018


def test_ops_and_losses_take_torch_alone():
    child = light(
        """
import torch, alignops
embedding = torch.nn.functional.normalize(torch.randn(4, 8), dim=-1).requires_grad_()
alignops.losses.ClipLoss()(embedding, embedding, 10.0).backward()
assert embedding.grad is not None
"""
    )
    assert child.returncode == 0, child.stderr


def test_a_subpackage_without_what_it_needs_names_the_extra():
    child = light("import alignops; alignops.training")
    sentence = (
        r"ImportError: alignops\.training needs \w+, which is not installed; "
        r'install it with: pip install "alignops\[train\]"'
    )
    assert re.fullmatch(sentence, child.stderr.splitlines()[-1]), child.stderr


@pytest.mark.parametrize("arguments", [["demo"], ["train", "clip"]], ids=str)
def test_a_command_without_what_it_needs_is_one_sentence(arguments):
    child = command(*arguments)
    sentence = (
        rf"alignops: alignops {arguments[0]} needs \w+, which is not installed; "
        r'install it with: pip install "alignops\[train\]"\n'
    )
    assert child.returncode == 2
    assert re.fullmatch(sentence, child.stderr), child.stderr
    assert child.stdout == ""


@pytest.mark.parametrize("arguments", [["info"], ["--version"], ["--help"]], ids=str)
def test_a_command_that_needs_torch_alone_runs(arguments):
    child = command(*arguments)
    assert child.returncode == 0, child.stderr
    assert "alignops" in child.stdout


def test_the_command_gives_the_version():
    child = run_python("-m", "alignops.cli", "--version")
    assert child.stdout.split() == ["alignops", alignops.__version__]


def test_a_module_of_our_own_that_is_missing_is_not_blamed_on_an_extra():
    missing = pytest.raises(ModuleNotFoundError, match=r"No module named 'alignops\.nothing'")
    with missing, needs_train("nothing"):
        import_module("alignops.nothing")
