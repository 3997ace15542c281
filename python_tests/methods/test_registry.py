from pathlib import Path

import pytest
import yaml

from alignops.methods.registry import METHODS, load_scorer
from alignops.training import Run
from alignops.training.config_values import from_values, to_values

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
METHOD_OF = {"negclip": "mosaiclip"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_that_is_shipped_fits_its_method(path):
    name = path.stem.split("_")[0]
    method = METHODS[METHOD_OF.get(name, name)]
    config = from_values(method.config, yaml.safe_load(path.read_text()))
    assert from_values(method.config, to_values(config)) == config


def test_every_configuration_begins_alike():
    for method in METHODS.values():
        assert {"data", "loop", "optimizer"} <= method.config.__dataclass_fields__.keys()


def test_a_run_of_an_unknown_method_is_named(tmp_path):
    run = Run.open(tmp_path / "run", "clap", {})
    with pytest.raises(ValueError, match=r"is a run of 'clap'; expected one of clip, comalign, "):
        load_scorer(run)
