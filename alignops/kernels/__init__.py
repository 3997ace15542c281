"""Triton kernels of the ops, imported by the first call on CUDA tensors."""
