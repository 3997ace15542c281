"""What developers run: what kernels take of a GPU, predictions, studies. Not shipped."""
