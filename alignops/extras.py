"""Packages that `pip install alignops` leaves out, and the error that says how to add them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_train(name: str) -> Iterator[None]:
    """Turn the ImportError of a missing package into one that says how to install it.

    Args:
        name: what needs the package, as the user calls it.

    Raises:
        ImportError: a package of the extra `train` is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "alignops"):
            raise
        raise ImportError(
            f"{name} needs {package}, which is not installed; install it with: "
            'pip install "alignops[train]"'
        ) from error
