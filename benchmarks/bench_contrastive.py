"""Contrastive losses: several texts per image as in MosaiCLIP, one as in CLIP and in AAHR."""

from functools import partial

import alignops
from benchmarks import baselines, peers
from benchmarks.comparison import Peer, over
from benchmarks.sizes import TextSize

SCALE = 100.0
SIZES = [
    TextSize("small", 8, 1, 64),
    TextSize("AAHR", 256, 1, 1024),
    TextSize("CLIP", 4096, 1, 512),
    TextSize("MosaiCLIP", 256, 9, 512),
    TextSize("MosaiCLIP", 1024, 9, 512),
]
LARGE = [TextSize("CLIP", 32768, 1, 512), TextSize("MosaiCLIP", 4096, 9, 512)]


@over(SIZES, LARGE)
def test_multi_positive_contrastive_loss(compare, size, dtype, passes):
    compare(
        size,
        dtype,
        passes,
        ours=partial(alignops.multi_positive_contrastive_loss, logit_scale=SCALE),
        eager=partial(baselines.multi_positive_contrastive_loss, logit_scale=SCALE),
        peers={
            name: Peer(peer.package, partial(peer.run, logit_scale=SCALE))
            for name, peer in _peers(size).items()
        },
    )


def _peers(size: TextSize) -> dict[str, Peer]:
    one_to_one = {"open_clip": Peer("open_clip", peers.open_clip_loss)}
    return {
        "metric-learning": Peer("pytorch_metric_learning", peers.metric_learning_loss),
        **(one_to_one if size.texts_per_image == 1 else {}),
    }
