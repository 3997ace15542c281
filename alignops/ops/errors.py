"""The one form of an error about an argument: "{argument} is {given}; expected {this}"."""

from torch import Tensor


def wrong_type(argument: str, given: object, expected: str) -> TypeError:
    """Make the error of an argument that is of another type than expected."""
    return TypeError(f"{argument} is {described(given)}; expected {expected}")


def wrong_value(argument: str, given: object, expected: str) -> ValueError:
    """Make the error of an argument that is of the right type, and yet not what is expected."""
    return ValueError(f"{argument} is {described(given)}; expected {expected}")


class Given(str):
    """Words that say themselves what was given: `wrong_value("y", Given("on cpu"), "cuda:0")`."""


def described(value: object) -> str:
    """Describe a value in a few words: a tensor by type and shape, never by its contents."""
    if isinstance(value, Given):
        return str(value)
    if isinstance(value, Tensor):
        if value.is_nested:
            return f"a nested tensor of {value.dim()} dimensions, {value.layout}"
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"of type {type(value).__name__}"
