from dataclasses import dataclass

import pytest
import torch
from torch import nn

from alignops.training import LoopConfig, Recipe, TrainingConfig, fit


@dataclass(frozen=True, kw_only=True)
class Config(TrainingConfig):
    offset: float = 1.0
    loop: LoopConfig = LoopConfig(steps=2, batch_size=2)  # noqa: RUF009 - frozen


class Numbers:
    def __len__(self):
        return 4

    def __getitem__(self, example):
        return torch.tensor([float(example.index)])


class Square(nn.Module):
    def __init__(self, offset):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.offset = offset

    def forward(self, batch):
        return {"square": (self.layer(batch) - self.offset).square().mean()}


def recipe(config):
    objective = Square(config.offset)

    def save(run):
        with run.writing_model() as folder:
            (folder / "weight").write_text(str(objective.layer.weight.item()))

    return Recipe(objective, Numbers(), torch.stack, save)


def unopened(config):
    raise AssertionError


def test_a_training_goes_from_an_empty_folder_to_a_saved_model(tmp_path):
    run = fit("squares", Config(), recipe, tmp_path / "run")
    assert (run.finished_model() / "weight").is_file()
    assert run.method == "squares"
    assert run.settings["offset"] == 1.0
    assert run.log.is_file()


def test_a_finished_run_opens_nothing(tmp_path):
    fit("squares", Config(), recipe, tmp_path / "run")
    again = fit("squares", Config(), unopened, tmp_path / "run")
    assert again.model == tmp_path / "run" / "model"


def test_a_run_of_other_settings_is_refused_before_anything_is_opened(tmp_path):
    fit("squares", Config(), recipe, tmp_path / "run")
    with pytest.raises(FileExistsError, match=r"offset \(1\.0 there, 2\.0 now\)"):
        fit("squares", Config(offset=2.0), unopened, tmp_path / "run")


def test_a_training_that_was_not_saved_is_saved_when_it_is_taken_up(tmp_path):
    def interrupted(config):
        made = recipe(config)
        return Recipe(made.objective, made.examples, made.collate, unopened)

    with pytest.raises(AssertionError):
        fit("squares", Config(), interrupted, tmp_path / "run")
    weight = (fit("squares", Config(), recipe, tmp_path / "run").model / "weight").read_text()
    whole = fit("squares", Config(), recipe, tmp_path / "whole")
    assert (whole.model / "weight").read_text() == weight
