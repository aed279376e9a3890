"""A generator that begins as a trained one (transfer learning, "resume"): the networks of a file of any known layout.

Their sizes are the file's, whatever the settings of the stage say. Averaged and running generator are both taken where the file holds both,
and its discriminator; optimisers and the strength of augmentation begin anew. Networks that know no labels can begin a run with labels.
"""

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import torch

from ...assembly import (
    build_discriminator,
    build_generator,
    build_recognised_discriminator,
    build_recognised_generator,
    find_generator,
)
from ...checkpoints.layouts.recognised import Recognised
from ...checkpoints.stored import read_stored
from ...config import DiscriminatorConfig, GeneratorConfig, from_dict
from ...errors import ConfigError
from .adversarial_config import AdversarialConfig

CRITIC_FILE = "critic.safetensors"
"""The discriminator that this program writes next to its generators."""

State = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class InitialNetworks:
    """Networks to start from: how they're built, and their weights."""

    generator: GeneratorConfig
    D: DiscriminatorConfig
    G: State
    """The running generator's weights."""
    G_ema: State
    """The averaged generator's."""
    D_state: State | None
    """The discriminator's; None: it begins anew."""
    notes: tuple[str, ...]
    """What was found, in words."""

    @property
    def hash(self) -> str:
        """SHA-256 of the weights: a run is resumed with the same ones only."""
        digest = hashlib.sha256()
        for state in (self.G, self.G_ema, self.D_state or {}):
            _add(digest, state)
        return digest.hexdigest()


def read_initial_networks(path: Path, config: AdversarialConfig, num_labels: int = 0) -> InitialNetworks:
    """The networks of a file, or of a model folder's generator.safetensors, for pictures of `config.size` and `num_labels` classes.

    Where these know no labels and there are some, they grow: until a step changes them, every label's pictures and answers are the file's.
    Raises CheckpointError for files that hold no StyleGAN2, ConfigError for one that doesn't fit the data or the settings.
    """
    path = path / "generator.safetensors" if path.is_dir() else path
    found = find_generator(path)
    if found.kind != "generator":
        raise ConfigError(f"--init-from: {path.name} holds a StyleGAN3 generator, and this training is StyleGAN2's; choose a StyleGAN2")
    sizes = from_dict(GeneratorConfig, found.config, str(path))
    _check_generator(path, sizes, config, num_labels)
    mean = build_recognised_generator(found, path).state_dict()
    running = _running(path, found)
    G = mean if running is None else build_recognised_generator(running, path).state_dict()
    D, D_state, said = _critic(path, found, sizes, config)
    notes = (f"begins with {path.name}: {config.size} px, {'its averaged and its running generator' if running else 'one generator'}, {said}",)
    initial = InitialNetworks(sizes, D, G, mean, D_state, notes=notes)
    return _with_labels(initial, config, num_labels) if num_labels and not sizes.c_dim else initial


def _with_labels(initial: InitialNetworks, config: AdversarialConfig, num_labels: int) -> InitialNetworks:
    """Networks without labels, grown by what reads them. Its random weights are those of the settings' seed."""
    sizes = dataclasses.replace(initial.generator, c_dim=num_labels)
    new = config.critic_for(num_labels)
    D = dataclasses.replace(initial.D, c_dim=num_labels, cmap_dim=initial.D.channels[0], mapping_layers=new.mapping_layers,
                                 mapping_lr_multiplier=new.mapping_lr_multiplier, embed_features=None, mapping_features=None)  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        fresh, fresh_critic = build_generator(sizes).state_dict(), build_discriminator(D).state_dict()
    G, mean = (_grown_generator(state, fresh) for state in (initial.G, initial.G_ema))
    D_state = None if initial.D_state is None else _grown_critic(initial.D_state, fresh_critic, D)
    notes = (*initial.notes, f"it knew no labels: it begins with the same pictures for each of the {num_labels} classes, and learns to tell them")
    return InitialNetworks(sizes, D, G, mean, D_state, notes=notes)


def _grown_generator(state: State, fresh: State) -> State:
    """The mapping's first layer reads z as before, and of the label's embedding, which is new, nothing yet.

    A layer divides by the root of its number of inputs; there are more now, so what reads z is multiplied by as much.
    """
    name = "mapping.fc0.weight"
    before, after = state[name], torch.zeros_like(fresh[name])
    after[:, : before.shape[1]] = before * math.sqrt(after.shape[1] / before.shape[1])
    return {**fresh, **state, name: after}


def _grown_critic(state: State, fresh: State, config: DiscriminatorConfig) -> State:
    """Its one answer is the first of those that are weighed by the label; each label weighs that one fully, and the others, new ones, not yet."""
    last = f"mapping.fc{config.mapping_layers - 1}"
    weight, bias = torch.zeros_like(fresh[f"{last}.weight"]), torch.zeros_like(fresh[f"{last}.bias"])
    bias[0] = math.sqrt(config.cmap_dim) / (math.sqrt(2) * config.mapping_lr_multiplier)  # undoes the mean over answers and the layer's gains
    out = {f"b4.out.{part}": torch.cat([state[f"b4.out.{part}"], fresh[f"b4.out.{part}"][1:]]) for part in ("weight", "bias")}
    return {**fresh, **state, **out, f"{last}.weight": weight, f"{last}.bias": bias}


def _check_generator(path: Path, sizes: GeneratorConfig, config: AdversarialConfig, num_labels: int) -> None:
    """Raise ConfigError unless the file's generator makes pictures like the data's."""
    size = sizes.img_resolution
    if size != config.size:
        raise ConfigError(f"size: got {config.size}, but {path.name} makes pictures of {size} px; add --set size={size}")
    if sizes.const_size != (4, 4) or sizes.img_channels != 3:
        height, width = (size_of_image * size // 4 for size_of_image in sizes.const_size)
        seen = f"{height} x {width} with {sizes.img_channels} channels"
        raise ConfigError(f"--init-from: {path.name} makes pictures of {seen}, expected square ones in colour")
    if num_labels == 0 and sizes.c_dim:
        raise ConfigError(f"labels: got false, but {path.name} knows {sizes.c_dim} classes; add --set labels=true, with data of as many labels")
    if sizes.c_dim not in (0, num_labels):
        wanted = "prepare data with as many labels, or begin with another file"
        raise ConfigError(f"labels: the data has {num_labels}, but {path.name} knows {sizes.c_dim} classes; {wanted}")


def _running(path: Path, found: Recognised) -> Recognised | None:
    """The generator that the averaged one follows, if there's one of the same sizes."""
    part = next((network for network in found.parts.values() if network.kind == "generator"), None)
    if part is None:
        return None
    return part if from_dict(GeneratorConfig, part.config, str(path)) == from_dict(GeneratorConfig, found.config, str(path)) else None


def _critic(path: Path, found: Recognised, sizes: GeneratorConfig, config: AdversarialConfig) -> tuple[DiscriminatorConfig, State | None, str]:
    """The discriminator in the file, else in critic.safetensors next to it, else a new one that's as wide as the generator."""
    file, part = path, next((network for network in found.parts.values() if network.kind == "discriminator"), None)
    if part is None and path.with_name(CRITIC_FILE).is_file():
        file = path.with_name(CRITIC_FILE)
        part = read_stored(file, "discriminator")
    if part is None:
        new = dataclasses.replace(config.critic_for(), channels=sizes.channels, conv_clamp=sizes.conv_clamp, c_dim=sizes.c_dim,
                                  cmap_dim=sizes.channels[0] if sizes.c_dim else 0)  # fmt: skip
        return new, None, "no discriminator: that one begins anew"
    D = from_dict(DiscriminatorConfig, part.config, str(file))
    if (D.img_resolution, D.img_channels, D.c_dim, D.final_size) != (sizes.img_resolution, 3, sizes.c_dim, (4, 4)):
        raise ConfigError(
            f"--init-from: the discriminator of {file.name} looks at {D.img_resolution} px and {D.c_dim} classes, the generator of "
            f"{path.name} makes {sizes.img_resolution} px and {sizes.c_dim}; they don't belong together, give a file with the generator alone"
        )
    state = build_recognised_discriminator(part, file).state_dict()
    return dataclasses.replace(D, mbstd_group_size=config.mbstd_group_size), state, f"the discriminator of {file.name}"


def _add(digest: "hashlib._Hash", state: Mapping[str, torch.Tensor]) -> None:
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().numpy().tobytes())
