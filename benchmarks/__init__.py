"""Benchmarks against plain torch and other packages: `pytest benchmarks/`; docs/benchmarks.md."""
