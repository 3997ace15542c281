"""State to resume a training from: tensors as safetensors, numbers as JSON, no executable code.

A state holds what the steps have changed. What the configuration decides (learning rate, decay,
the schedule's shape) is not in it, so a training can go on with other settings.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from alignops.checksums import DamagedError
from alignops.tensor_files import load_tensors, require_fit, save_tensors

_MODEL, _OPTIMIZER, _RANDOM = "model.safetensors", "optimizer.safetensors", "random.safetensors"
_NUMBERS = "state.json"


@dataclass(frozen=True)
class TrainingState:
    """The parts of a training, and the random generators of the process.

    Attributes:
        module: what is trained; its `state_dict` holds tensors only.
        optimizer: over weights of `module`.
        schedule: of the learning rate, a function of the step.
        scaler: of the loss, in float16.
    """

    module: nn.Module
    optimizer: Optimizer
    schedule: LambdaLR
    scaler: GradScaler | None = None

    def write(self, folder: Path, step: int) -> None:
        """Write the state after `step` steps into a folder.

        Raises:
            OSError: the disk is full.
        """
        save_tensors(self.module.state_dict(), folder / _MODEL)
        save_tensors(_optimizer_tensors(self.module, self.optimizer), folder / _OPTIMIZER)
        save_tensors(_torch_generators(), folder / _RANDOM)
        numbers = {
            "step": step,
            "schedule": self.schedule.last_epoch,
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "python": random.getstate(),
            "numpy": _numpy_generator(),
        }
        (folder / _NUMBERS).write_text(json.dumps(numbers))

    def read(self, folder: Path) -> int:
        """Restore what `write` wrote; gives its step.

        Raises:
            DamagedError: a file is missing or does not hold what it should.
            ValueError: the state is one of another module.
        """
        numbers = _read_numbers(folder / _NUMBERS)
        weights, moments, generators = (
            load_tensors(folder / name) for name in (_MODEL, _OPTIMIZER, _RANDOM)
        )
        require_fit(self.module, weights, folder / _MODEL)
        self.module.load_state_dict(weights)
        _restore_optimizer(self.module, self.optimizer, moments, folder / _OPTIMIZER)
        try:
            _restore_schedule(self.schedule, int(numbers["schedule"]))
            if self.scaler is not None and numbers["scaler"]:
                self.scaler.load_state_dict(numbers["scaler"])
            _restore_generators(generators, numbers["python"], numbers["numpy"])
            return int(numbers["step"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DamagedError(f"{folder} is damaged: {error}") from error


def read_weights(module: nn.Module, folder: Path) -> int:
    """Restore the weights alone of what `TrainingState.write` wrote; gives its step.

    Raises:
        DamagedError: a file is missing or does not hold what it should.
        ValueError: the weights are those of another module.
    """
    numbers, weights = _read_numbers(folder / _NUMBERS), load_tensors(folder / _MODEL)
    require_fit(module, weights, folder / _MODEL)
    module.load_state_dict(weights)
    try:
        return int(numbers["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{folder} is damaged: {error}") from error


def _read_numbers(path: Path) -> dict[str, Any]:
    try:
        numbers = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    if not isinstance(numbers, dict):
        raise DamagedError(f"{path} is damaged: it holds no names")
    return numbers


def _names(module: nn.Module, optimizer: Optimizer) -> list[str]:
    """Name the optimizer's weights, in the order in which its own state counts them."""
    names = {id(weight): name for name, weight in module.named_parameters()}
    return [names[id(w)] for group in optimizer.param_groups for w in group["params"]]


def _optimizer_tensors(module: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Name each tensor of the optimizer's state "<weight>/<what>", such as "layer.bias/exp_avg"."""
    names = _names(module, optimizer)
    return {
        f"{names[index]}/{kind}": tensor
        for index, state in optimizer.state_dict()["state"].items()
        for kind, tensor in state.items()
    }


def _restore_optimizer(
    module: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor], path: Path
) -> None:
    weights = dict(module.named_parameters())
    index = {name: index for index, name in enumerate(_names(module, optimizer))}
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, kind = key.rpartition("/")
        if name not in index or (tensor.ndim and tensor.shape != weights[name].shape):
            raise ValueError(f"{path} is of another model: it holds {key} {tuple(tensor.shape)}")
        state.setdefault(index[name], {})[kind] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _restore_schedule(schedule: LambdaLR, steps: int) -> None:
    """Put the schedule where `steps` steps have led, by making the last of them."""
    if steps > 0:
        before = {"last_epoch": steps - 1, "_step_count": steps + 1}
        schedule.load_state_dict({**schedule.state_dict(), **before})
        schedule.step()


def _torch_generators() -> dict[str, Tensor]:
    generators = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        for device, state in enumerate(torch.cuda.get_rng_state_all()):
            generators[f"cuda:{device}"] = state
    return generators


def _numpy_generator() -> list[Any]:
    name, keys, *rest = np.random.get_state()
    return [name, np.asarray(keys).tolist(), *rest]


def _restore_generators(generators: Mapping[str, Tensor], python: Any, numpy: Any) -> None:
    version, internal, gauss = python
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = numpy
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(generators["cpu"])
    for device in range(torch.cuda.device_count()):
        if f"cuda:{device}" in generators:
            torch.cuda.set_rng_state(generators[f"cuda:{device}"], device)
