"""The methods: a package each, with a configuration, an objective, its examples and a scorer.

`registry.METHODS` lists them by name, and `Method` says what can be done with one:

    run = METHODS["clip"].train(ClipConfig(), Path("runs/clip"))
    scorer = METHODS["clip"].load(run)
"""
