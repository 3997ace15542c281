"""PowerCLIP's Figure 5 on trained models: python -m tools.powerset_study RUN...

Compares the loss by the aggregators with the exact loss over all subsets, checks the aggregators'
bounds on each pair, and times both over the number of regions; --costs only times them. RUN:
folders of `alignops train powerclip`.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import cpuinfo
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from alignops import exact_powerset_similarity, powerset_similarity
from alignops.losses import PowersetTripletLoss
from alignops.losses.triplet import hardest_triplet
from alignops.methods.common.pairs import open_pairs
from alignops.methods.powerclip import PowerClipConfig, PowerClipObjective, RegionConfig
from alignops.methods.powerclip.examples import collate_parts
from alignops.methods.powerclip.method import load_scorer, open_examples
from alignops.ops.powerset import PowersetSimilarity
from alignops.training import Example, Run
from alignops.training.config_values import from_values
from benchmarks.page import ROOT, machine_line, markdown, write_measured
from benchmarks.sizes import ComponentSize

PAGE = ROOT / "docs" / "studies" / "powerset.md"
PLOT = PAGE.with_suffix(".png")
TAUS = (0.1, 0.01, 0.001)
ZETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
COUNTS = (4, 6, 8, 10, 12, 14, 16)
MARGIN = 0.2
BATCHES, BATCH_SIZE = 40, 16
BATCH = ComponentSize("PowerCLIP", 64, 10, 24, 512)
ROUNDS = 9
# Relative tolerance of the bounds, for float64 sums in another order.
ROUNDING = 1e-12

Parts: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Regions (B, M, D), phrases (B, K, D), and their masks (B, M) and (B, K)."""


@dataclass(frozen=True)
class Agreement:
    """Losses of the same batches, one value per batch.

    Attributes:
        tau: temperature of the aggregators.
        zeta: interpolation between their bounds.
        exact: losses over all subsets.
        approximated: losses by the aggregators.
    """

    tau: float
    zeta: float
    exact: Tensor
    approximated: Tensor

    @property
    def pearson(self) -> float:
        """Correlation of both."""
        return float(torch.corrcoef(torch.stack([self.exact, self.approximated]))[0, 1])

    @property
    def error(self) -> float:
        """Mean absolute difference."""
        return float((self.exact - self.approximated).abs().mean())


@torch.no_grad()
def embed(run: Run) -> Iterator[Parts]:
    """Embed a run's training pairs with ten random boxes each, in batches, in float64."""
    config = replace(from_values(PowerClipConfig, run.settings), regions=RegionConfig())
    model = load_scorer(config, run.finished_model()).model
    examples = open_examples(config, model, open_pairs(config.data).train)
    objective = PowerClipObjective(model, config.phrases.pooling, config.powerset)
    for start in range(0, min(len(examples), BATCHES * BATCH_SIZE), BATCH_SIZE):
        rows = range(start, min(start + BATCH_SIZE, len(examples)))
        drawn = [Example(row, (config.loop.seed, 0, row), step=0) for row in rows]
        batch = collate_parts([examples[example] for example in drawn])
        image, text = model.encode_patches(batch.images), model.encode_tokens(batch.tokens)
        parts = objective.parts(batch, image, text)
        regions, phrases = (part.double() for part in parts)
        yield regions, phrases, batch.region_mask, batch.phrase_mask


def agreements(batches: list[Parts]) -> list[Agreement]:
    """Compare the losses for each tau and zeta, and check the bounds on each pair.

    Raises:
        ArithmeticError: a bound does not hold.
    """
    exact = [exact_powerset_similarity(*parts) for parts in batches]
    losses = torch.stack([_loss(score) for score in exact])
    found = []
    for tau in TAUS:
        by_zeta = {
            zeta: [powerset_similarity(*parts, tau=tau, zeta=zeta) for parts in batches]
            for zeta in ZETAS
        }
        for index, parts in enumerate(batches):
            check_bounds(exact[index], by_zeta[0.0][index], by_zeta[1.0][index], parts, tau)
        for zeta, scores in by_zeta.items():
            approximated = torch.stack([_loss(score) for score in scores])
            found.append(Agreement(tau, zeta, losses, approximated))
    return found


def check_bounds(
    exact: PowersetSimilarity,
    lowest: PowersetSimilarity,
    highest: PowersetSimilarity,
    parts: Parts,
    tau: float,
) -> None:
    """Check that the aggregators at zeta = 0 and zeta = 1 bound the exact similarities.

    Raises:
        ArithmeticError: a bound does not hold.
    """
    _, _, region_mask, phrase_mask = parts
    phrases, regions = phrase_mask.sum(dim=1), region_mask.sum(dim=1)[:, None]
    bounds = {
        "r2t from below": (lowest.r2t - tau * phrases.clamp(min=1).log(), exact.r2t),
        "r2t from above": (exact.r2t, highest.r2t),
        "t2r from below": (exact.t2r, highest.t2r),
        "t2r from above": (highest.t2r, exact.t2r + tau * regions * torch.log(torch.tensor(2.0))),
    }
    for name, (low, high) in bounds.items():
        excess = (low - high).max().item()
        if excess > ROUNDING * (1 + exact.t2r.abs().max().item()):
            raise ArithmeticError(f"the bound of {name} does not hold at tau {tau}: by {excess}")


def _loss(score: PowersetSimilarity) -> Tensor:
    both = score.r2t + score.t2r
    return (hardest_triplet(both, MARGIN) + hardest_triplet(both.T, MARGIN)).mean()


def costs() -> dict[int, tuple[float, float]]:
    """Time the triplet loss over all subsets and by the aggregators, forward and backward.

    Maps the number of regions to both times in seconds: the medians of rounds in which both take
    turns, in float32, at the batch size of the benchmarks.
    """
    losses = PowersetTripletLoss(exact=True), PowersetTripletLoss()
    found = {}
    for count in track(COUNTS, "Timing", console=Console(stderr=True), transient=True):
        inputs = replace(BATCH, n=count).inputs(torch.float32)
        rounds = [[_seconds(loss, inputs) for loss in losses] for _ in range(1 + ROUNDS)][1:]
        exact, approximated = map(statistics.median, zip(*rounds, strict=True))
        found[count] = exact, approximated
    return found


def _seconds(loss: PowersetTripletLoss, inputs: tuple[Tensor, ...]) -> float:
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    start = time.perf_counter()
    loss(*leaves).backward()
    return time.perf_counter() - start


def cost_table(cost: dict[int, tuple[float, float]]) -> str:
    """Format the result of `costs` as a table in milliseconds."""
    rows = [["regions", "all subsets, ms", "aggregators, ms", "ratio"]]
    for count, (exact, approximated) in cost.items():
        figures = (f"{1e3 * exact:.1f}", f"{1e3 * approximated:.1f}", f"{exact / approximated:.2f}")
        rows.append([str(count), *figures])
    return markdown(rows)


def plot(found: dict[str, list[Agreement]], cost: dict[int, tuple[float, float]]) -> None:
    """Plot the losses, a row per run and a column per tau, with the cost below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(TAUS), 3.6 * (len(found) + 1)), layout="constrained")
    axes = figure.subplots(len(found) + 1, len(TAUS), squeeze=False)
    for row, (name, results) in enumerate(found.items()):
        for column, tau in enumerate(TAUS):
            axis = axes[row, column]
            for result in (result for result in results if result.tau == tau):
                label = f"zeta = {result.zeta:g}"
                axis.scatter(result.exact, result.approximated, s=9, label=label)
            axis.axline((0, 0), slope=1, color="grey", linewidth=0.8)
            axis.set_title(f"{name}, tau = {tau:g}")
            axis.set_xlabel("loss over all subsets")
            axis.set_ylabel("loss by aggregators")
    axes[0, 0].legend(fontsize="small")
    for unused in axes[-1, 1:]:
        unused.remove()
    for values, label in zip(
        zip(*cost.values(), strict=True), ("exact", "aggregators"), strict=True
    ):
        axes[-1, 0].semilogy(list(cost), [1e3 * value for value in values], "o-", label=label)
    axes[-1, 0].set_xlabel("regions")
    axes[-1, 0].set_ylabel("forward + backward, ms")
    axes[-1, 0].legend()
    temporary = PLOT.with_name(f".{PLOT.name}")
    figure.savefig(temporary, dpi=100, format="png")
    temporary.replace(PLOT)


def main() -> None:
    """Study the runs on the command line; writes the page and the plot in docs/."""
    parser = argparse.ArgumentParser(prog="python -m tools.powerset_study", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN")
    parser.add_argument("--costs", action="store_true", help="print what both cost, of no run")
    options = parser.parse_args()
    if options.costs == bool(options.runs):
        parser.error("expected either RUN folders or --costs")
    if options.costs:
        print(f"{machine_line(cpuinfo.get_cpu_info())}.\n\n{cost_table(costs())}")
        return
    study([Run.load(folder) for folder in options.runs])


def study(runs: list[Run]) -> None:
    """Compare the losses on runs, and write the page and the plot."""
    found, pairs = {}, {}
    for run in track(runs, "Comparing", console=Console(stderr=True), transient=True):
        name, batches = run.folder.resolve().name, list(embed(run))
        found[name] = agreements(batches)
        pairs[name] = sum(len(parts[0]) ** 2 for parts in batches)
    plot(found, costs())
    write_measured(PAGE, _page(found, pairs))
    print(f"{PAGE} and {PLOT} show {', '.join(found)}")


def _page(found: dict[str, list[Agreement]], pairs: dict[str, int]) -> list[str]:
    losses = [["run", "tau", "zeta", "Pearson r", "mean abs. error", "mean exact loss"]]
    for name, results in found.items():
        for result in results:
            figures = (result.pearson, result.error, result.exact.mean().item())
            row = [name, f"{result.tau:g}", f"{result.zeta:g}", *(f"{x:.4f}" for x in figures)]
            losses.append(row)
    checked = ", ".join(f"{count:,} of {name}" for name, count in pairs.items())
    return [
        f"{machine_line(cpuinfo.get_cpu_info())}.",
        f"![Exact against approximated]({PLOT.name})",
        markdown(losses),
        f"The four bounds hold on every pair, for every tau: {checked}.",
    ]


if __name__ == "__main__":
    main()
