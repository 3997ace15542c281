"""The order of the examples, as a function of the step alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True, slots=True)
class Example:
    """What a training dataset is asked for.

    Attributes:
        index: of the item.
        draw: seeds the item's random choices, such as which caption; differs in each epoch.
        step: of the training, from 0, for what changes in its course.
    """

    index: int
    draw: tuple[int, int, int]
    step: int

    def random(self) -> np.random.Generator:
        """Start the generator of the item's random choices."""
        return np.random.default_rng(self.draw)


class StepSampler(Sampler[list[Example]]):
    """Batches from step `start` to `steps`: shuffled epochs, incomplete batches dropped.

    A batch depends on (size, batch size, seed, step) and on nothing that happened before, so a
    training that resumes at a step continues with exactly the data it would have seen.

    Args:
        size: number of items.
        batch_size: items per batch.
        seed: of the order.
        start: first step.
        steps: step to stop before.

    Raises:
        ValueError: there are fewer items than a batch.
    """

    def __init__(self, size: int, batch_size: int, *, seed: int, start: int, steps: int) -> None:
        if size < batch_size:
            raise ValueError(
                f"loop.batch_size is {batch_size}; expected at most {size}, the number of training "
                "pairs"
            )
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.start, self.steps = start, steps

    def __len__(self) -> int:
        """Return the number of batches left."""
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[Example]]:
        """Yield the batch of each step."""
        per_epoch = self.size // self.batch_size
        order, order_epoch = np.empty(0, dtype=np.int64), -1
        for step in range(self.start, self.steps):
            epoch, position = divmod(step, per_epoch)
            if epoch != order_epoch:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.size)
                order_epoch = epoch
            first = position * self.batch_size
            batch = order[first : first + self.batch_size].tolist()
            yield [Example(index, (self.seed, epoch, index), step) for index in batch]
