"""A generator that goes on from a trained one (transfer learning, "resume"): the networks of a file of any known layout.

Their sizes are the file's, whatever the settings of the stage say. Averaged and running generator are both taken where the file holds both,
and its discriminator; optimisers and the strength of augmentation begin anew.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch

from ..assembly import build_recognised_discriminator, build_recognised_generator, find_generator
from ..checkpoints.layouts import Recognised
from ..checkpoints.stored import read_stored
from ..config import DiscriminatorConfig, GeneratorConfig, from_dict
from ..errors import ConfigError
from .adversarial_config import AdversarialConfig

CRITIC_FILE = "critic.safetensors"
"""The discriminator that this program writes beside its generators."""

State = dict[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Networks to begin with: how they're built, and their weights."""

    generator: GeneratorConfig
    critic: DiscriminatorConfig
    net: State
    """The running generator's weights."""
    mean: State
    """The averaged generator's."""
    critic_state: State | None
    """The discriminator's; None: it begins anew."""
    notes: tuple[str, ...]
    """What was found, in words."""

    @property
    def hash(self) -> str:
        """SHA-256 of the weights: a run goes on with the same ones only."""
        digest = hashlib.sha256()
        for state in (self.net, self.mean, self.critic_state or {}):
            _add(digest, state)
        return digest.hexdigest()


def read_beginning(path: Path, config: AdversarialConfig, num_labels: int = 0) -> Beginning:
    """The networks of a file, or of a model folder's generator.safetensors, for pictures of `config.size` and `num_labels` classes.

    Raises CheckpointError for files that hold no StyleGAN2, ConfigError for one that doesn't fit the data or the settings.
    """
    path = path / "generator.safetensors" if path.is_dir() else path
    found = find_generator(path)
    if found.kind != "generator":
        raise ConfigError(f"--begin-with: {path.name} holds a StyleGAN3 generator, and this training is StyleGAN2's; choose a StyleGAN2")
    sizes = from_dict(GeneratorConfig, found.config, str(path))
    _check_generator(path, sizes, config, num_labels)
    mean = build_recognised_generator(found, path).state_dict()
    running = _running(path, found)
    net = mean if running is None else build_recognised_generator(running, path).state_dict()
    critic, critic_state, said = _critic(path, found, sizes, config)
    notes = (f"begins with {path.name}: {config.size} px, {'its averaged and its running generator' if running else 'one generator'}, {said}",)
    return Beginning(sizes, critic, net, mean, critic_state, notes)


def _check_generator(path: Path, sizes: GeneratorConfig, config: AdversarialConfig, num_labels: int) -> None:
    """Raise ConfigError unless the file's generator makes pictures like the data's."""
    size = sizes.img_resolution
    if size != config.size:
        raise ConfigError(f"size: got {config.size}, but {path.name} makes pictures of {size} px; add --set size={size}")
    if sizes.const_size != (4, 4) or sizes.img_channels != 3:
        height, width = (extent * size // 4 for extent in sizes.const_size)
        seen = f"{height} x {width} with {sizes.img_channels} channels"
        raise ConfigError(f"--begin-with: {path.name} makes pictures of {seen}, expected square ones in colour")
    if num_labels == 0 and sizes.c_dim:
        raise ConfigError(f"labels: got false, but {path.name} knows {sizes.c_dim} classes; add --set labels=true, with data of as many labels")
    if num_labels and not sizes.c_dim:
        wanted = "leave the setting labels at false, or begin with another file"
        raise ConfigError(f"labels: the data has {num_labels}, but {path.name} was trained without labels; {wanted}")
    if num_labels != sizes.c_dim:
        wanted = "prepare data with as many labels, or begin with another file"
        raise ConfigError(f"labels: the data has {num_labels}, but {path.name} knows {sizes.c_dim} classes; {wanted}")


def _running(path: Path, found: Recognised) -> Recognised | None:
    """The generator beside the averaged one, if there's one of the same sizes."""
    part = found.parts.get("G") or found.parts.get("g")
    if part is None or part.kind != "generator":
        return None
    return part if from_dict(GeneratorConfig, part.config, str(path)) == from_dict(GeneratorConfig, found.config, str(path)) else None


def _critic(path: Path, found: Recognised, sizes: GeneratorConfig, config: AdversarialConfig) -> tuple[DiscriminatorConfig, State | None, str]:
    """The discriminator in the file, else in critic.safetensors beside it, else a new one that's as wide as the generator."""
    file, part = path, next((network for network in found.parts.values() if network.kind == "discriminator"), None)
    if part is None and path.with_name(CRITIC_FILE).is_file():
        file = path.with_name(CRITIC_FILE)
        part = read_stored(file, "discriminator")
    if part is None:
        new = dataclasses.replace(config.critic_for(), channels=sizes.channels, conv_clamp=sizes.conv_clamp, c_dim=sizes.c_dim,
                                  cmap_dim=sizes.channels[0] if sizes.c_dim else 0)  # fmt: skip
        return new, None, "no discriminator: that one begins anew"
    critic = from_dict(DiscriminatorConfig, part.config, str(file))
    if (critic.img_resolution, critic.img_channels, critic.c_dim, critic.final_size) != (sizes.img_resolution, 3, sizes.c_dim, (4, 4)):
        raise ConfigError(
            f"--begin-with: the discriminator of {file.name} looks at {critic.img_resolution} px and {critic.c_dim} classes, the generator of "
            f"{path.name} makes {sizes.img_resolution} px and {sizes.c_dim}; they don't belong together, give a file with the generator alone"
        )
    state = build_recognised_discriminator(part, file).state_dict()
    return dataclasses.replace(critic, mbstd_group_size=config.mbstd_group_size), state, f"the discriminator of {file.name}"


def _add(digest: "hashlib._Hash", state: Mapping[str, torch.Tensor]) -> None:
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().numpy().tobytes())
