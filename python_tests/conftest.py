"""Its presence puts this folder, and so child_process.py, on the import path of every test."""
