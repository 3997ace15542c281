import torch
from torch.nn.functional import normalize

from alignops.models import AveragePooledDualEncoder, DualEncoder

TEXTS = ["a small red circle", "a blue square", ""]


def test_global_embeddings_are_averages():
    torch.manual_seed(0)
    model = DualEncoder.tiny(TEXTS).eval()
    average = AveragePooledDualEncoder(model)
    images, tokens = torch.randn(2, *model.input_shape), model.tokenizer(TEXTS)
    patches, words = model.encode_patches(images).patches, model.encode_tokens(tokens).tokens
    image, text = average.encode_image(images), average.encode_text(tokens)
    assert torch.allclose(image, normalize(patches.mean(dim=1), dim=-1))
    assert torch.allclose(text[1], normalize(words[1, 1:4].mean(dim=0), dim=-1), atol=1e-6)
    assert (text[2] == 0).all()
    assert torch.equal(average.encode_tokens(tokens).pooled, text)
    assert not torch.allclose(text[:2], model.encode_text(tokens)[:2], atol=0.1)
