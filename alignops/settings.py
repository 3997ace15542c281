"""A check shared by configurations: a setting that would have no effect is an error."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any


def refuse_unused(config: Any, names: Iterable[str], *, group: str, reason: str) -> None:
    """Raise ValueError if a setting that has no effect here differs from its default.

    Args:
        config: a dataclass all of whose fields have defaults.
        names: the settings without effect; a dot leads into a nested dataclass.
        group: the user's name for the dataclass.
        reason: why they have no effect; follows "as".
    """
    defaults = type(config)()
    for name in names:
        given, default = attrgetter(name)(config), attrgetter(name)(defaults)
        if given != default:
            raise ValueError(f"{group}.{name} is {given}; expected {default}, as {reason}")
