"""A method's configuration from the command line, and what is wrong with it in words."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from jsonargparse import ArgumentError, ArgumentParser

Config = TypeVar("Config")

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "tuple": "a list such as [one, two]",
    "NoneType": "null",
}


def read_arguments(
    kind: type[Config], arguments: Sequence[str], *, command: str
) -> tuple[Config, dict[str, Any]]:
    """Read a configuration: defaults, then `--config` files, then dotted options.

    `--help` prints every setting and ends the process.

    Args:
        kind: dataclass of the settings.
        arguments: what follows the command.
        command: as the user gave it, for the help.

    Returns:
        The configuration, and by name the values of `OPTIONS`.

    Raises:
        ValueError: an argument does not fit; says what is expected.
    """
    parser = ArgumentParser(prog=command, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="YAML file of settings")
    for name, option in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **option)
    parser.add_class_arguments(kind)
    try:
        values = parser.instantiate(parser.parse_args(list(arguments)))
    except ArgumentError as error:
        raise ValueError(in_words(str(error), _names(parser))) from error
    fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: values[name] for name in fields}), {name: values[name] for name in OPTIONS}


OPTIONS: dict[str, dict[str, Any]] = {
    "out": {"type": Path, "help": "folder of the run; default: runs/METHOD"},
    "overwrite": {"action": "store_true", "help": "begin an unfinished run anew"},
    "continue_from": {
        "type": Path,
        "metavar": "RUN",
        "help": "folder of the run whose weights this one begins with",
    },
}
"""What a training takes besides its method's settings."""


def in_words(message: str, names: Iterable[str] = ()) -> str:
    """Turn jsonargparse's message into a sentence.

    Args:
        message: of its `ArgumentError`.
        names: settings that there are, among which a misspelt one is sought.
    """
    message = " ".join(message.split())
    if found := re.match(r"(?i)unrecognized arguments: (.*)", message):
        words = found[1].split()
        wrong = next((word for word in words if word.startswith("-")), words[0])
        return f"{wrong.split('=')[0]} is no option{suggestion(wrong, names)}"
    if found := re.search(r"Group '(.*?)' does not accept option '(.*?)'", message):
        wrong = f"{found[1]}.{found[2]}"
        return f"{wrong} is no setting{suggestion(wrong, names, prefix='')}"
    if found := re.match(r"argument (\S+):\s+expected one argument", message):
        return f"{found[1]} is given without a value; expected one"
    if found := re.search(r"Problems parsing config: (.*)", message):
        return f"config is no YAML file of settings: {found[1]}"
    if found := re.search(r"Parser key \"(.*?)\": File does not exist: '(.*)'", message):
        return f"{found[1]} is {found[2]}; expected a file that is there"
    if found := re.search(r"Parser key \"(.*?)\": (.*)", message):
        return _of_value(found[1], found[2]) or message
    return message


def suggestion(wrong: str, names: Iterable[str], prefix: str = "--") -> str:
    """Name the option that was meant, if one is near: "; did you mean --loop.steps?"."""
    plain = wrong.split("=")[0].lstrip("-")
    near = get_close_matches(plain, list(names), n=1, cutoff=0.6)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def _of_value(name: str, problem: str) -> str | None:
    given = re.search(r"Got value: (.*?)(?: - |$)", problem)
    kinds = re.findall(r"Expected a (<class '[\w.]+'>|typing\.Literal\[.*?\])", problem)
    if given is None or not kinds:
        return None
    expected = " or ".join(dict.fromkeys(_kind(kind) for kind in kinds))
    value = given[1].strip()
    return (
        f"{name} is {value if value.startswith(('[', '{')) else repr(value)}; expected {expected}"
    )


def _kind(kind: str) -> str:
    if literal := re.match(r"typing\.Literal\[(.*)\]", kind):
        return f"one of {literal[1]}"
    name = kind.split("'")[1].rpartition(".")[2]
    return _EXPECTED.get(name, f"a {name}")


def _names(parser: ArgumentParser) -> list[str]:
    dotted = list(parser.get_defaults().keys())
    return [name.replace("_", "-") if name in OPTIONS else name for name in dotted]
