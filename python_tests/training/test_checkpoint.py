import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from child_process import run_python
from torch import nn

from alignops.training import OptimizerConfig
from alignops.training.checkpoint import Checkpoints
from alignops.training.optimizer import build_optimizer, build_scheduler
from alignops.training.state import TrainingState


def make_state(seed=0, width=3, scaler=False):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(width, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    module[0].requires_grad_(width == 3)
    optimizer = build_optimizer(module, OptimizerConfig())
    schedule = build_scheduler(optimizer, OptimizerConfig(warmup_steps=3), steps=20)
    grad_scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2)
    return TrainingState(module, optimizer, schedule, grad_scaler if scaler else None)


def step(state, number):
    generator = torch.Generator().manual_seed(number)
    loss = state.module(torch.randn(5, 3, generator=generator)).square().mean()
    state.optimizer.zero_grad()
    if state.scaler is None:
        loss.backward()
        state.optimizer.step()
    else:
        state.scaler.scale(loss).backward()
        state.scaler.step(state.optimizer)
        state.scaler.update()
    state.schedule.step()


def trained(folder, steps=4, every=1, **settings):
    state = make_state(**settings)
    checkpoints = Checkpoints(folder, state)
    for number in range(1, steps + 1):
        step(state, number)
        if number % every == 0:
            checkpoints.save(number)
    return state


def assert_same(one, other):
    for name, tensor in one.module.state_dict().items():
        assert torch.equal(tensor, other.module.state_dict()[name])
    mine, theirs = one.optimizer.state_dict(), other.optimizer.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    assert mine["state"].keys() == theirs["state"].keys()
    for index, moments in mine["state"].items():
        for name, tensor in moments.items():
            assert torch.equal(tensor, theirs["state"][index][name])
            assert tensor.dtype == theirs["state"][index][name].dtype
    assert one.schedule.state_dict() | {"_step_count": 0} == (
        other.schedule.state_dict() | {"_step_count": 0}
    )
    if one.scaler is not None:
        assert one.scaler.state_dict() == other.scaler.state_dict()


@pytest.mark.parametrize("scaler", [False, True])
def test_a_restored_training_goes_on_as_if_nothing_had_been(tmp_path, scaler):
    whole = trained(tmp_path / "whole", scaler=scaler)
    resumed = make_state(seed=1, scaler=scaler)
    assert Checkpoints(tmp_path / "whole", resumed).load_latest() == 4
    assert_same(resumed, whole)
    for number in (5, 6):
        step(whole, number)
        step(resumed, number)
    assert_same(resumed, whole)


def test_the_random_generators_are_restored(tmp_path):
    def draws():
        return random.random(), random.gauss(), np.random.rand(), torch.rand(3).tolist()

    random.gauss()  # leaves a second number in the generator
    np.random.standard_normal()  # likewise
    checkpoints = Checkpoints(tmp_path, make_state())
    checkpoints.save(1)
    expected = draws()
    draws()
    checkpoints.load_latest()
    assert draws() == expected


def test_there_is_nothing_to_resume(tmp_path):
    assert Checkpoints(tmp_path / "nothing", make_state()).load_latest() == 0


def test_the_last_two_are_kept(tmp_path):
    trained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000003", "step_00000004"]


def test_a_checkpoint_holds_safetensors_and_json_of_the_usual_mode(tmp_path):
    trained(tmp_path, steps=1)
    (tmp_path / "usual").touch()
    files = list((tmp_path / "step_00000001").iterdir())
    assert {path.suffix for path in files} == {".safetensors", ".json"}
    assert {path.stat().st_mode for path in files} == {(tmp_path / "usual").stat().st_mode}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


FILES = (
    *("model.safetensors", "optimizer.safetensors", "random.safetensors"),
    *("state.json", "manifest.json"),
)


@pytest.mark.parametrize("damage", [flip, cut, empty, Path.unlink])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(tmp_path, name, damage):
    trained(tmp_path)
    if damage is cut and name == "manifest.json":
        damage = empty  # what it ends with is a line break
    damage(tmp_path / "step_00000004" / name)
    state = make_state(seed=1)
    with pytest.warns(UserWarning, match="step_00000004.* going on from step 3 instead"):
        assert Checkpoints(tmp_path, state).load_latest() == 3
    shutil.rmtree(tmp_path / "step_00000004")
    sound = make_state(seed=2)
    Checkpoints(tmp_path, sound).load_latest()
    assert_same(state, sound)


def test_no_whole_checkpoint_is_refused_with_what_to_do(tmp_path):
    trained(tmp_path)
    flip(tmp_path / "step_00000004" / "model.safetensors")
    empty(tmp_path / "step_00000003" / "random.safetensors")
    with pytest.raises(ValueError, match=r"no whole checkpoint: .*delete the folder and the same"):
        Checkpoints(tmp_path, make_state()).load_latest()


def test_a_damaged_checkpoint_is_written_anew(tmp_path):
    state = trained(tmp_path)
    flip(tmp_path / "step_00000004" / "model.safetensors")
    Checkpoints(tmp_path, state).save(4)
    assert Checkpoints(tmp_path, make_state()).load_latest() == 4


def test_later_checkpoints_that_were_not_taken_go(tmp_path):
    state = trained(tmp_path)
    Checkpoints(tmp_path, state).save(3)
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000003"]


def test_a_renamed_checkpoint_is_not_what_it_says(tmp_path):
    trained(tmp_path)
    (tmp_path / "step_00000004").rename(tmp_path / "step_00000009")
    with pytest.warns(UserWarning, match=r"step_00000009 is damaged: it holds another step"):
        assert Checkpoints(tmp_path, make_state()).load_latest() == 3


def test_other_folders_are_let_alone(tmp_path):
    for name in ("step_foo", "step_5.bak", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "step_00000007").touch()
    (tmp_path / ".step_00000005.tmp").mkdir()
    assert Checkpoints(tmp_path, make_state()).load_latest() == 0
    names = {"step_foo", "step_5.bak", "notes", "step_00000007"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    trained(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"model\.safetensors is of another model: 0\.weight is \(4, 3\); expected \(4, 2\)",
    ):
        Checkpoints(tmp_path, make_state(width=2)).load_latest()


def test_weights_that_are_shared_are_shared_again(tmp_path):
    def tied():
        module = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
        module[1].weight = module[0].weight
        optimizer = build_optimizer(module, OptimizerConfig())
        return TrainingState(module, optimizer, build_scheduler(optimizer, OptimizerConfig(), 9))

    written, read = tied(), tied()
    Checkpoints(tmp_path, written).save(1)
    Checkpoints(tmp_path, read).load_latest()
    assert torch.equal(read.module[1].weight, written.module[0].weight)
    assert read.module[0].weight is read.module[1].weight


def test_a_full_disk_leaves_the_checkpoint_before_and_nothing_else(tmp_path):
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_checkpoint import Checkpoints, make_state\n"
        "checkpoints = Checkpoints(Path(sys.argv[1]), make_state())\n"
        "checkpoints.save(1)\n"
        # A file that may not grow fails as on a full disk.
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "checkpoints.save(2)\n"
    )
    finished = run_python("-c", script, tmp_path, Path(__file__).parent)
    assert "OSError" in finished.stderr
    assert "step_00000002 cannot be written" in finished.stderr
    assert "Free some space" in finished.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]
    assert Checkpoints(tmp_path, make_state()).load_latest() == 1
