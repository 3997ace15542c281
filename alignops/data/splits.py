"""Training, validation and test parts of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Splits(Generic[T_co]):
    """Three parts that share nothing: to train on, to choose by, and to report on."""

    train: T_co
    validation: T_co
    test: T_co


def split_keys(
    keys: Sequence[str], *, validation: float, test: float, seed: int = 0
) -> Splits[list[str]]:
    """Divide keys at random, the same way wherever and in whatever order they are listed.

    Args:
        keys: unique names.
        validation: share of the keys for validation, in [0, 1).
        test: share of the keys for testing, in [0, 1).
        seed: another seed, another division.

    Returns:
        Keys per split, each in the given order.

    Raises:
        ValueError: if a share is out of range, the two leave nothing to train on, or a key repeats.
    """
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"{name}: expected a share in [0, 1), got {share}")
    if validation + test >= 1:
        raise ValueError(f"validation + test: expected a share below 1, got {validation + test}")
    if len(set(keys)) != len(keys):
        raise ValueError("keys: expected unique names, got repeated ones")
    shuffled = sorted(keys, key=lambda key: sha256(f"{seed} {key}".encode()).digest())
    tests = round(test * len(keys))
    held_out = tests + round(validation * len(keys))
    parts = (shuffled[held_out:], shuffled[tests:held_out], shuffled[:tests])
    position = {key: index for index, key in enumerate(keys)}
    return Splits(*(sorted(part, key=position.__getitem__) for part in parts))
