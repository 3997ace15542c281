import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from child_process import start_and_wait_for
from resumable_training import Examples, Objective, run
from safetensors.torch import load_file

from alignops.training import Interrupted, LoopConfig, OptimizerConfig, Run, train
from alignops.training.config import WITHOUT_INFLUENCE

SCRIPT = Path(__file__).with_name("resumable_training.py")


def steps_of(folder):
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder).state_dict()


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_killed_run_resumes_to_the_same_weights(uninterrupted, tmp_path):
    folder = tmp_path / "killed"
    process = start_and_wait_for(SCRIPT, folder, step=12)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "checkpoints" / "step_00000040").exists()
    assert_equal(run(folder).state_dict(), uninterrupted[1])
    assert steps_of(folder) == steps_of(uninterrupted[0])


def test_an_interrupted_run_saves_its_last_step_and_resumes(uninterrupted, tmp_path):
    folder = tmp_path / "interrupted"
    process = start_and_wait_for(SCRIPT, folder, step=12)
    process.send_signal(signal.SIGINT)
    process.wait()
    *_, checkpoint = sorted((folder / "checkpoints").iterdir())
    assert 12 <= int(checkpoint.name.removeprefix("step_")) < 40
    assert_equal(run(folder).state_dict(), uninterrupted[1])


def test_ctrl_c_reaches_the_workers_too_and_the_last_step_is_saved(uninterrupted, tmp_path):
    folder = tmp_path / "interrupted"
    process = start_and_wait_for(SCRIPT, folder, 12, "2")
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    *_, checkpoint = sorted((folder / "checkpoints").iterdir())
    assert 12 <= int(checkpoint.name.removeprefix("step_")) < 40
    assert_equal(run(folder).state_dict(), uninterrupted[1])


def test_settings_without_influence_have_none(uninterrupted, tmp_path):
    changes = {name.removeprefix("loop."): 2 for name in WITHOUT_INFLUENCE}
    assert_equal(run(tmp_path, **changes).state_dict(), uninterrupted[1])


def test_a_finished_run_is_not_trained_again(uninterrupted):
    assert_equal(run(uninterrupted[0], pause=100.0).state_dict(), uninterrupted[1])


def test_the_log_has_loss_terms_and_learning_rate(uninterrupted):
    folder = uninterrupted[0]
    last = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 40
    assert {"loss", "lr"} <= last.keys()
    assert list((folder / "tensorboard").glob("events.out.tfevents.*"))


def test_interrupting_raises_and_gives_the_signal_back(tmp_path):
    class Stop(Objective):
        def forward(self, batch):
            signal.raise_signal(signal.SIGINT)
            return super().forward(batch)

    before = signal.getsignal(signal.SIGINT)
    settings = (LoopConfig(steps=3, batch_size=4), OptimizerConfig())
    with pytest.raises(Interrupted):
        train(Stop(0.0), Examples(), torch.stack, Run(tmp_path), *settings)
    assert signal.getsignal(signal.SIGINT) is before
    assert (tmp_path / "checkpoints" / "step_00000001").is_dir()


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    class Diverged(Objective):
        def forward(self, batch):
            return {"square": super().forward(batch)["square"] * float("nan")}

    settings = (LoopConfig(steps=3, batch_size=4, log_every=2), OptimizerConfig())
    with pytest.raises(ValueError, match=r"the loss is nan at step 1; try a smaller optimizer\.lr"):
        train(Diverged(0.0), Examples(), torch.stack, Run(tmp_path), *settings)


def test_weights_that_are_not_finite_never_replace_a_checkpoint(tmp_path):
    class SteepAtTheEnd(Objective):
        """A loss that stays finite, whose gradient at step 4 is infinite."""

        def forward(self, batch):
            self.calls = getattr(self, "calls", 0) + 1
            loss = super().forward(batch)["square"]
            if self.calls < 4:
                return {"square": loss}
            return {"square": (loss - loss.detach()).abs().sqrt()}

    settings = LoopConfig(steps=9, batch_size=4, checkpoint_every=2), OptimizerConfig(clip_norm=0)
    with pytest.raises(ValueError, match=r"the weights of layers\.\S+ are not finite after step 4"):
        train(SteepAtTheEnd(0.0), Examples(), torch.stack, Run(tmp_path), *settings)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000002"]


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_leads_to_the_same_weights(
    uninterrupted, tmp_path
):
    shutil.copytree(uninterrupted[0], tmp_path / "copy")
    damaged = tmp_path / "copy" / "checkpoints" / "step_00000040"
    (damaged / "model.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"step_00000040/model\.safetensors is damaged.* step 35"):
        weights = run(tmp_path / "copy").state_dict()
    assert_equal(weights, uninterrupted[1])
    assert_equal(load_file(damaged / "model.safetensors"), uninterrupted[1])


def test_a_training_goes_on_with_other_settings(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted[0], tmp_path / "copy")
    loop = LoopConfig(steps=42, batch_size=4, log_every=1)
    settings = OptimizerConfig(lr=1e-5, warmup_steps=2, schedule="constant")
    train(Objective(0.0), Examples(), torch.stack, Run(tmp_path / "copy"), loop, settings)
    last = json.loads((tmp_path / "copy" / "log.jsonl").read_text().splitlines()[-1])
    assert (last["step"], last["lr"]) == (42, 1e-5)
