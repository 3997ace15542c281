"""Triton kernels of the ops, imported only where a CUDA tensor meets one of them."""
