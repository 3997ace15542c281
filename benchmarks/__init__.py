"""How fast the package is, and against what: `pytest benchmarks/`; see docs/benchmarks.md."""
