"""Fails if a package of the extra `train` was installed with alignops."""

import re
from importlib.metadata import distributions, requires


def normalised(requirement: str) -> str:
    """Name of a requirement's package, normalised as by pip."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


train = {normalised(line) for line in requires("alignops") if 'extra == "train"' in line}
installed = {normalised(distribution.name) for distribution in distributions()}
assert "open-clip-torch" in train
assert not train & installed, f"installed without being asked for: {sorted(train & installed)}"
