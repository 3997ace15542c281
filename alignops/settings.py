"""A check that configurations share: a setting that would have no effect is a mistake."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any


def refuse_unused(config: Any, names: Iterable[str], *, group: str, reason: str) -> None:
    """Raise ValueError where a setting that has no effect here is not at its default.

    Args:
        config: a dataclass all of whose fields have defaults.
        names: of the settings without effect; a dot leads into a nested dataclass.
        group: what the user calls the dataclass.
        reason: why they have no effect, after "as".
    """
    defaults = type(config)()
    for name in names:
        given, default = attrgetter(name)(config), attrgetter(name)(defaults)
        if given != default:
            raise ValueError(f"{group}.{name} is {given}; expected {default}, as {reason}")
