"""What `pip install alignops` leaves out, and the sentence that says how to add it."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_train(name: str) -> Iterator[None]:
    """Turn a package that is missing into a sentence about what needs it and how to install it.

    Args:
        name: what is imported or run inside, as the user knows it.

    Raises:
        ImportError: a package of the extra `train` is not installed.
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
