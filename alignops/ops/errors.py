"""Errors about arguments, all of one form: "{argument} is {given}; expected {this}"."""

from torch import Tensor


def wrong_type(argument: str, given: object, expected: str) -> TypeError:
    """Make the error for an argument of the wrong type."""
    return TypeError(f"{argument} is {described(given)}; expected {expected}")


def wrong_value(argument: str, given: object, expected: str) -> ValueError:
    """Make the error for an argument of the right type with a wrong value."""
    return ValueError(f"{argument} is {described(given)}; expected {expected}")


class Given(str):
    """A ready description of a value: `wrong_value("y", Given("on cpu"), "cuda:0")`."""


def described(value: object) -> str:
    """Describe a value in a few words: a tensor by type and shape, never by its values."""
    if isinstance(value, Given):
        return str(value)
    if isinstance(value, Tensor):
        if value.is_nested:
            return f"a nested tensor of {value.dim()} dimensions, {value.layout}"
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"of type {type(value).__name__}"
