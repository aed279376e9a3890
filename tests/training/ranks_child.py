"""What a process among several computes, for tests: `python ranks_child.py FOLDER`, started with the names that torchrun sets."""

import sys
from pathlib import Path

import torch

from sgvg_core.augmentation.adaptive import AugmentConfig
from sgvg_core.randomness import normal
from sgvg_core.training import losses
from sgvg_core.training.clips.adversarial import AdversarialTraining
from sgvg_core.training.clips.adversarial_config import AdversarialConfig
from sgvg_core.training.clips.class_labels import ClassLabels
from sgvg_core.training.runs.ranks import Ranks, joined_ranks

CONFIG = AdversarialConfig(
    size=16, channel_base=128, channel_max=12, z_dim=8, w_dim=8, batch=8, accumulate=1, mbstd_group_size=2, r1_gamma=1.0,
    augment=AugmentConfig(start=0.5, adjust_every=1),
)  # fmt: skip
NUM_PAIRS = 6
CLASSES = ClassLabels(("fire", "rain", "sea"), torch.tensor([0, 2, 1, 1, 0, 2, 2, 2]))
"""Of the real pictures, which are as many as the items of a step."""


def gradients_of_steps(config: AdversarialConfig, ranks: Ranks, classes: ClassLabels | None = None) -> dict[str, torch.Tensor]:
    """Two whole steps of a small StyleGAN2, told labels where there are `classes`: the gradients of each of their updates, and their memory."""
    training = AdversarialTraining(config, ranks, classes)
    found: dict[str, torch.Tensor] = {}

    def recorded(name, module, optimiser):
        def step():
            for parameter_name, parameter in module.named_parameters():
                if parameter.grad is not None:
                    found[f"{name}{len(found):05d} {parameter_name}"] = parameter.grad.clone()
            take()

        take = optimiser.step
        optimiser.step = step

    recorded("net ", training.G, training.G_optimiser)
    recorded("critic ", training.D, training.D_optimiser)
    for step in range(2):
        real = torch.stack([normal(7, f"real {step}", item, 3, config.size, config.size) for item in training.items])
        training.step(step, real, [] if classes is None else classes.of_images[list(training.items)].tolist())
    found["path mean"] = torch.tensor(training.memory["path_mean"])
    found["strength"] = torch.tensor(training.memory["strength"])
    found["w_avg"] = training.G.w_avg
    ranks.check_same(training.G.state_dict().values(), "net")
    ranks.check_same(training.D.state_dict().values(), "critic")
    return found


def gradients_of_contrast(ranks: Ranks, own_rows: bool) -> dict[str, torch.Tensor]:
    """Two towers and a temperature under the contrastive loss of the whole batch; computed whole on each rank, or each rank its rows."""
    torch.manual_seed(1)
    towers = torch.nn.ModuleList([torch.nn.Linear(5, 4), torch.nn.Linear(3, 4)])
    scale = torch.nn.Parameter(torch.tensor(2.0))
    (rows,) = ranks.slices(NUM_PAIRS)
    embeds = []
    for index, tower in enumerate(towers):
        inputs = torch.stack([normal(8, f"tower {index}", row, tower.in_features) for row in rows])
        embeds.append(ranks.gather(torch.nn.functional.normalize(tower(inputs), dim=1)))
    if own_rows:
        scores = scale * embeds[0] @ embeds[1].t()
        targets = torch.tensor(list(rows))
        cross_entropy = torch.nn.functional.cross_entropy
        loss = (cross_entropy(scores[rows.start : rows.stop], targets) + cross_entropy(scores.t()[rows.start : rows.stop], targets)) / 2
    else:
        loss = losses.contrastive(*embeds, scale)
    loss.backward()
    parameters = [*towers.parameters(), scale]
    ranks.average_gradients(parameters)
    return {str(index): parameter.grad for index, parameter in enumerate(parameters)}


def all_gradients(config: AdversarialConfig, ranks: Ranks) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "stylegan2": gradients_of_steps(config, ranks),
        "stylegan2, labels": gradients_of_steps(config, ranks, CLASSES),
        "contrast": gradients_of_contrast(ranks, own_rows=False),
        "contrast, own rows": gradients_of_contrast(ranks, own_rows=True),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined_ranks("cpu") as joined:
        torch.save(all_gradients(CONFIG, joined), Path(sys.argv[1]) / f"rank_{joined.rank}.pt")
