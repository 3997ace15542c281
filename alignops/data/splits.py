"""Training, validation and test parts of a dataset."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Splits(Generic[T_co]):
    """Three parts that share nothing: to train on, to choose by, and to report on."""

    train: T_co
    validation: T_co
    test: T_co


def require_images(splits: Splits[Sized]) -> None:
    """Refuse empty parts.

    Raises:
        ValueError: a part is empty; names it.
    """
    counts = {field.name: len(getattr(splits, field.name)) for field in fields(splits)}
    for name, count in counts.items():
        if count == 0:
            sizes = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise ValueError(
                f"{name} is a part without images ({sizes}); expected at least one in each: give "
                "it a larger share, or more images"
            )


def split_keys(
    keys: Sequence[str],
    *,
    validation: float,
    test: float,
    seed: int = 0,
    groups: Mapping[str, str] | None = None,
) -> Splits[list[str]]:
    """Divide keys at random, the same way wherever and in whatever order they are listed.

    Args:
        keys: unique names.
        validation: share of the keys for validation, in [0, 1).
        test: share of the keys for testing, in [0, 1).
        seed: another seed, another division.
        groups: maps a key to its group, such as a hash of the image; keys of one group stay
            together, keys without a group are alone. A group goes where its first key goes, so
            only copies change the shares, and no other key moves.

    Returns:
        Keys per split, each in the given order.

    Raises:
        ValueError: if a share is out of range, the two leave nothing to train on, or a key repeats.
    """
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"{name} is {share}; expected a share in [0, 1)")
    if validation + test >= 1:
        raise ValueError(f"validation + test is {validation + test}; expected a share below 1")
    if len(set(keys)) != len(keys):
        raise ValueError("keys holds a name twice; expected different ones")
    shuffled = sorted(keys, key=lambda key: sha256(f"{seed} {key}".encode()).digest())
    tests = round(test * len(keys))
    held_out = tests + round(validation * len(keys))
    part = {key: (i >= tests) + (i >= held_out) for i, key in enumerate(shuffled)}
    for key, first in _first_of_group(keys, groups or {}).items():
        part[key] = part[first]
    return Splits(*([key for key in keys if part[key] == number] for number in (2, 1, 0)))


def _first_of_group(keys: Sequence[str], groups: Mapping[str, str]) -> dict[str, str]:
    """Map each key that is in a group to the group's first key by name."""
    firsts: dict[str, str] = {}
    grouped = sorted(key for key in keys if key in groups)
    return {key: firsts.setdefault(groups[key], key) for key in grouped}
