import pytest


@pytest.fixture(autouse=True)
def gathering(request, monkeypatch):
    """FGM's gradients gather rows for GATHERED, and multiply densely else: small problems, too."""
    if "op" not in request.fixturenames:
        return
    fgm_backward = pytest.importorskip("alignops.kernels.fgm_backward")
    gathers = request.getfixturevalue("op").name == "fgm_similarity_gathered"
    monkeypatch.setattr(fgm_backward, "gather_pays", lambda *sizes: gathers)
    monkeypatch.setattr(fgm_backward, "SORTED", 200)  # some samples of a small problem at a time
