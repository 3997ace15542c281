"""The methods: one file each, with a configuration, an objective and a scorer.

The module of a method `m` offers `MConfig`, `train_m(config, folder)` and `load_m(run)`; `registry`
lists them for the command.
"""
