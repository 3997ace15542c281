"""Developer tools: GPU resources of kernels, predictions, studies. Not shipped."""
