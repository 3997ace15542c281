"""Fused ops and thin trainers for fine-grained image-text alignment."""
