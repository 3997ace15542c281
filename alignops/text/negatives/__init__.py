"""Captions that are false by little: facts, vocabulary, perturbed sub-graphs, swapped words.

Imports graphs and their words, no parser.
"""
