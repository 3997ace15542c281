"""Malicious file contents: each creates a marker if anything executes it."""

import os
import pickle

import torch


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


def payloads(marker, folder):
    archive = folder / "payload.pt"
    torch.save(Payload(marker), archive)
    text = f"!!python/object/apply:os.system ['touch {marker}']\n"
    return [pickle.dumps(Payload(marker)), archive.read_bytes(), text.encode()]
