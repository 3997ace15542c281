"""What differs between two configurations."""

from collections.abc import Iterator, Mapping
from typing import Any

Differences = dict[str, tuple[Any, Any]]
"""Dotted name of a setting to its values there and now; a setting that is missing is None."""


def differences(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> Differences:
    """Compare two configurations of plain values."""
    old, new = dict(_flat(held)), dict(_flat(wanted))
    return {
        name: (old.get(name), new.get(name))
        for name in sorted(old | new)
        if old.get(name) != new.get(name)
    }


def describe(found: Differences) -> str:
    """List differences in words."""
    return ", ".join(f"{name} ({there} there, {now} now)" for name, (there, now) in found.items())


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
