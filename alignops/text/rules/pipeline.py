"""The spaCy pipeline that turns captions into dependency parses."""

import importlib
from functools import cache

from spacy.language import Language

from alignops.text.rules.expressions import ExpressionMerger, show_plain_words
from alignops.text.rules.identity import installed_model
from alignops.text.rules.repair import repair

# The rules read only dependencies and fine-grained tags; the attribute ruler alone costs a third.
UNUSED = ["ner", "lemmatizer", "attribute_ruler"]


Language.factory("merge_expressions", func=lambda nlp, name: ExpressionMerger(nlp.vocab))
Language.component("repair_parse", func=repair)


@cache
def load_pipeline() -> Language:
    """Load the English model; expressions are merged before it, and its parses repaired after it.

    Raises:
        ImportError: if no English model is installed.
    """
    pipeline = importlib.import_module(installed_model()).load(exclude=UNUSED)
    show_plain_words(pipeline.vocab)
    pipeline.add_pipe("merge_expressions", first=True)
    pipeline.add_pipe("repair_parse", last=True)
    return pipeline
