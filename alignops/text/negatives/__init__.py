"""Hard negative captions: facts, vocabulary, perturbed sub-graphs, swapped words.

Imports graphs and their words, but no parser.
"""
