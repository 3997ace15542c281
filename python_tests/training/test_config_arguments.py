from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from alignops.training import TrainingConfig
from alignops.training.config_arguments import in_words, read_arguments


@dataclass(frozen=True)
class Inner:
    share: float = 0.5
    kinds: tuple[Literal["one", "two"], ...] = ("one",)


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    inner: Inner = field(default_factory=Inner)
    swap: bool = False
    folder: Path | None = None


def read(*arguments):
    return read_arguments(Config, arguments, command="alignops train squares")


def test_defaults_then_files_then_options(tmp_path):
    (tmp_path / "some.yaml").write_text("loop: {steps: 5, seed: 2}\ninner: {kinds: [two]}\n")
    config, own = read("--config", str(tmp_path / "some.yaml"), "--loop.steps", "7")
    assert (config.loop.steps, config.loop.seed, config.loop.batch_size) == (7, 2, 64)
    assert config.inner == Inner(kinds=("two",))
    assert own == {"out": None, "overwrite": False, "continue_from": None}


def test_what_a_training_takes_besides():
    _, own = read("--out", "a", "--overwrite", "--continue-from", "b")
    assert own == {"out": Path("a"), "overwrite": True, "continue_from": Path("b")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--loop.steps abc", "loop.steps is 'abc'; expected a whole number"),
        ("--loop.steps 1.5", "loop.steps is '1.5'; expected a whole number"),
        ("--inner.share much", "inner.share is 'much'; expected a number"),
        ("--swap maybe", "swap is 'maybe'; expected true or false"),
        ("--inner.kinds two", "inner.kinds is 'two'; expected a list such as [one, two]"),
        ("--loop.precision 8", "loop.precision is '8'; expected one of 'no', 'bf16', 'fp16'"),
        ("--loop.stepz 3", "--loop.stepz is no option; did you mean --loop.steps?"),
        ("--lop.steps=3", "--lop.steps is no option; did you mean --loop.steps?"),
        ("--overwrit", "--overwrit is no option; did you mean --overwrite?"),
        ("--continue_form x", "--continue_form is no option; did you mean --continue-from?"),
        ("--xyzzy", "--xyzzy is no option"),
        ("garbage", "garbage is no option"),
        ("--loop.steps", "--loop.steps is given without a value; expected one"),
        ("--config /nowhere.yaml", "config is /nowhere.yaml; expected a file that is there"),
    ],
)
def test_a_mistake_in_words(arguments, sentence):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        read(*arguments.split())
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("loop: {stepz: 3}", "loop.stepz is no setting; did you mean loop.steps?"),
        ("loop: {stepz: 3", "config is no YAML file of settings: "),
        ("inner: {share: [1]}", "inner.share is [1]; expected a number"),
    ],
)
def test_a_mistake_in_a_file_in_words(text, sentence, tmp_path):
    (tmp_path / "some.yaml").write_text(text)
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared
        read("--config", str(tmp_path / "some.yaml"))
    assert str(refused.value).startswith(sentence)


def test_an_unknown_message_is_passed_on():
    assert in_words("something\n else") == "something else"
