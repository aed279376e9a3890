"""Stage one on pictures of one's own: a StyleGAN2 learns against its discriminator (Karras et al. 2020; with few pictures 2020b).

A step is: the generator's loss; now and then its path length; the discriminator's loss; now and then R1. Each is an update of its own
(lazy regularisation), its gradients averaged over slices and processes before it. Every item of the global batch draws its own numbers.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import overload

import torch

from ...assembly import build_discriminator, build_generator, save_discriminator, save_generator
from ...augmentation.adaptive import adapted, augment, draw_transforms
from ...devices import to_dtype
from ...media import save_png
from ...progress import Progress, silent
from ...randomness import generator_at, normal
from ...synthesis.mapping import W_AVG_DECAY
from .. import losses
from ..runs.ema import decay_of_half_life, ema_update
from ..runs.loop import Stateful
from ..runs.ranks import Ranks
from ..runs.steps import RunPolicy, SteppedRun
from .adversarial_config import AdversarialConfig
from .adversarial_sheet import sample_sheet
from .class_labels import ClassLabels, class_labels
from .images import Epochs, ImageData
from .init_from import CRITIC_FILE, InitialNetworks

FOLDER = "adversarial"
"""In the work folder: checkpoints, log, settings and sheets of this stage."""
_BETAS = 0.0, 0.99


@dataclasses.dataclass(frozen=True)
class Drawn:
    """The random numbers of n items of a step: codes z [n, z_dim] twice, the latent from which the second code counts [n], noise maps
    [n, 1, H, W] of each layer (None without noise), what their augmentation takes [n, 5, kinds], and their labels c [n, K] where there are
    any."""

    z: torch.Tensor
    other_z: torch.Tensor
    cuts: torch.Tensor
    noise: list[torch.Tensor] | None
    transforms: torch.Tensor
    c: torch.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class _Update:
    """Which network learns, "G" or "D", the name of its gradient in the log, and the weights of the terms."""

    learns: str
    gradient_name: str
    weights: dict[str, float]


class AdversarialTraining:
    """Generator, its average, discriminator, and one step of both.

    The steps' memory besides the weights (`memory`: strength of augmentation, mean path length) belongs to the caller's run. `note`
    gets every term before weights change, returns them as numbers and may raise. With `classes` both networks are told labels;
    `initial` has the networks to begin with, instead of random ones of the settings' sizes.

    Without `ranks` this process is the only one; without `classes` (None) nothing is told labels.
    """

    def __init__(
        self, config: AdversarialConfig, ranks: Ranks | None = None, classes: ClassLabels | None = None, initial: InitialNetworks | None = None
    ) -> None:
        self.config, self.ranks, self.classes = config, ranks or Ranks(), classes
        num_labels = classes.count if classes is not None else 0
        self.G_config = config.generator_for(num_labels) if initial is None else initial.generator
        self.D_config = config.critic_for(num_labels) if initial is None else initial.D
        self.dtype = to_dtype(config.dtype, self.ranks.device)
        config.check_slices(self.ranks.count)
        self.slices = self.ranks.slices(config.batch, config.accumulate)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.G = build_generator(self.G_config).train()
            self.D = build_discriminator(self.D_config).train()
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        if initial is not None:
            self._begin(initial)
        for module in (self.G, self.D, self.G_ema):
            module.to(self.ranks.device)
        self.G_optimiser = _adam(self.G, config.generator_lr, config.g_reg_interval if config.path_weight else 0)
        self.D_optimiser = _adam(self.D, config.critic_lr, config.d_reg_interval if config.gamma else 0)
        self.memory: dict[str, float] = {"strength": config.augment.start, "signs": 0.0, "sign_steps": 0, "path_mean": 0.0}
        self.note: Callable[..., dict[str, float]] = _as_numbers
        self._noise_sizes = [tuple(conv.noise_const.shape) for conv in self.G.synthesis.convs] if config.noise else []

    def _begin(self, initial: InitialNetworks) -> None:
        """Take the weights of a trained generator, and of its discriminator where there is one."""
        self.G.load_state_dict(initial.G)
        self.G_ema.load_state_dict(initial.G_ema)
        if initial.D_state is not None:
            self.D.load_state_dict(initial.D_state)

    @property
    def parts(self) -> dict[str, Stateful]:
        """All that a step changes, but `memory`."""
        optimisers = {"net_optimiser": self.G_optimiser, "critic_optimiser": self.D_optimiser}
        return {"net": self.G, "critic": self.D, "mean": self.G_ema, **optimisers}

    @property
    def items(self) -> range:
        """This rank's items of the global batch."""
        return range(self.slices[0].start, self.slices[-1].stop)

    def draw(self, phase: str, step: int, items: Iterable[int]) -> Drawn:
        """The numbers of items of a step's phase; each item's come from its own generator."""
        config, device = self.config, self.ranks.device
        z, other_z, cuts, noise, transforms, labels = [], [], [], [], [], []
        for item in items:
            generator = generator_at(config.seed, phase, step, item)
            z.append(torch.randn(self.G.z_dim, generator=generator))
            other_z.append(torch.randn(self.G.z_dim, generator=generator))
            mixes, place = torch.rand(2, generator=generator).tolist()
            cuts.append(1 + int(place * (self.G.num_ws - 1)) if mixes < config.style_mixing_prob else self.G.num_ws)
            transforms.append(draw_transforms(generator))
            noise.append(torch.randn(sum(height * width for height, width in self._noise_sizes), generator=generator))
            if self.classes is not None:
                labels.append(self.classes.draw(generator))
        maps = self._maps(torch.stack(noise)) if config.noise else None
        codes, others = torch.stack(z).to(device), torch.stack(other_z).to(device)
        return Drawn(codes, others, torch.tensor(cuts, device=device), maps, torch.stack(transforms), c=self.label_vectors(labels))

    def _maps(self, noise: torch.Tensor) -> list[torch.Tensor]:
        """Numbers [n, N] as the noise maps [n, 1, H, W] of all layers."""
        maps = noise.to(self.ranks.device).split([height * width for height, width in self._noise_sizes], 1)
        return [own.unflatten(1, (1, *size)) for own, size in zip(maps, self._noise_sizes, strict=True)]

    def label_vectors(self, numbers: Sequence[int]) -> torch.Tensor | None:
        """c [n, K] of labels by their numbers, on the training's device; None where there are no labels."""
        return None if self.classes is None else self.classes.vectors(numbers).to(self.ranks.device)

    def latents(self, drawn: Drawn) -> torch.Tensor:
        """Latents ws [n, num_ws, w_dim]; from its cut on an item's come from its second code, which shows the same class."""
        ws = self.G.mapping(drawn.z, drawn.c)
        if self.config.style_mixing_prob == 0:
            return ws
        second = torch.arange(self.G.num_ws, device=ws.device) >= drawn.cuts[:, None]
        return torch.where(second[:, :, None], self.G.mapping(drawn.other_z, drawn.c), ws)

    def paint(self, ws: torch.Tensor, drawn: Drawn) -> torch.Tensor:
        """Images [n, 3, size, size] of latents. `ws` are [n, L, D]; the noise is that of `drawn`."""
        mode = "none" if drawn.noise is None else "given"
        images: torch.Tensor = self.G.synthesis(ws, noise_mode=mode, noise=drawn.noise, dtype=self.dtype)
        return images

    def answers(self, images: torch.Tensor, transforms: torch.Tensor, c: torch.Tensor | None = None) -> torch.Tensor:
        """The discriminator's answers [n, 1] to augmented pictures, of labels c [n, K], or None where there are none.

        `images` are [n, 3, size, size] in -1..1, and `transforms` those of `draw_transforms`.
        """
        shown = augment(images, transforms, self.memory["strength"], self.config.augment.kinds)
        answers: torch.Tensor = self.D(shown, c, dtype=self.dtype)
        return answers

    def step(self, step: int, real: torch.Tensor, labels: Sequence[int] = ()) -> None:
        """One step; `real` holds this rank's real images [items, 3, size, size] in -1..1, `labels` the numbers of their classes."""
        config = self.config
        self.teach_generator(step)
        if config.path_weight and step % config.g_reg_interval == 0:
            self.smooth_paths(step)
        real, c = real.to(self.ranks.device, non_blocking=True), self.label_vectors(labels)
        self.teach_critic(step, real, c)
        if config.gamma and step % config.d_reg_interval == 0:
            self.penalise_critic(step, real, c)
        self.adapt(step)
        ema_update(self.G_ema, self.G, self._keep(step))

    def teach_generator(self, step: int) -> None:
        """The generator's adversarial loss; the mean latent follows its codes."""
        ws_sum = torch.zeros_like(self.G.w_avg)

        def terms(items: range) -> dict[str, torch.Tensor]:
            drawn = self.draw("generator", step, items)
            ws = self.latents(drawn)
            ws_sum.add_(ws[:, 0].detach().mean(0))
            made = self.answers(self.paint(ws, drawn), drawn.transforms, drawn.c)
            return {"generator_adversarial": losses.generator_adversarial(made)}

        self._update(_Update("G", "generator_gradient", {"generator_adversarial": 1.0}), self.slices, terms)
        with torch.no_grad():
            self.G.w_avg.lerp_(self.ranks.mean(ws_sum / len(self.slices)), 1 - W_AVG_DECAY)

    def smooth_paths(self, step: int) -> None:
        """The path length over some items of each slice. Its running mean is that of the steps before, the same in every slice."""
        config = self.config
        seen: list[torch.Tensor] = []

        def terms(items: range) -> dict[str, torch.Tensor]:
            drawn = self.draw("path length", step, items)
            ws = self.latents(drawn)
            images = self.paint(ws, drawn)
            directions = [normal(config.seed, f"directions, step {step}", item, *images.shape[1:]) for item in items]
            lengths = losses.path_lengths(images, ws, torch.stack(directions).to(images.device))
            seen.append(lengths.detach().mean())
            return {"path_length": losses.path_length(lengths, self.memory["path_mean"])}

        some = [items[: max(1, len(items) // config.pl_batch_shrink)] for items in self.slices]
        weights = {"path_length": config.path_weight * config.g_reg_interval}
        self._update(_Update("G", "path_gradient", weights), some, terms)
        mean = self.ranks.mean(torch.stack(seen).mean()).item()
        self.memory["path_mean"] += config.path_decay * (mean - self.memory["path_mean"])

    def teach_critic(self, step: int, real: torch.Tensor, c: torch.Tensor | None = None) -> None:
        """The discriminator's loss on real pictures (of labels c [items, K], or None) and on made ones.

        `step` decides what is drawn; `real` are this rank's images [items, 3, size, size].
        """
        signs: list[torch.Tensor] = []

        def terms(items: range) -> dict[str, torch.Tensor]:
            drawn = self.draw("discriminator", step, items)
            with torch.no_grad():
                made = self.paint(self.latents(drawn), drawn)
            real_answers = self.answers(self._of(real, items), self._real_transforms("real", step, items), self._of(c, items))
            signs.append(real_answers.detach().sign().mean())
            return {"critic_adversarial": losses.critic_adversarial(real_answers, self.answers(made, drawn.transforms, drawn.c))}

        self._update(_Update("D", "critic_gradient", {"critic_adversarial": 1.0}), self.slices, terms)
        self.memory["signs"] += self.ranks.mean(torch.stack(signs).mean()).item()
        self.memory["sign_steps"] += 1

    def penalise_critic(self, step: int, real: torch.Tensor, c: torch.Tensor | None = None) -> None:
        """R1 at what the discriminator sees: real pictures, augmented (Mescheder et al. 2018).

        `step` decides what is drawn; `real` are this rank's images [items, 3, size, size] of labels `c` [items, K], or None.
        """
        config = self.config

        def terms(items: range) -> dict[str, torch.Tensor]:
            transforms = self._real_transforms("R1", step, items)
            shown = augment(self._of(real, items), transforms, self.memory["strength"], config.augment.kinds).requires_grad_(True)
            answers = self.D(shown, self._of(c, items), dtype=self.dtype)
            return {"r1": losses.r1(answers, shown)}

        self._update(_Update("D", "r1_gradient", {"r1": config.gamma * config.d_reg_interval}), self.slices, terms)

    def _real_transforms(self, phase: str, step: int, items: Iterable[int]) -> torch.Tensor:
        return torch.stack([draw_transforms(generator_at(self.config.seed, phase, step, item)) for item in items])

    @overload
    def _of(self, real: torch.Tensor, items: range) -> torch.Tensor: ...

    @overload
    def _of(self, real: None, items: range) -> None: ...

    @overload
    def _of(self, real: torch.Tensor | None, items: range) -> torch.Tensor | None: ...

    def _of(self, real: torch.Tensor | None, items: range) -> torch.Tensor | None:
        """The rows of a slice among this rank's."""
        first = self.items.start
        return None if real is None else real[items.start - first : items.stop - first].detach()

    def _update(self, update: "_Update", slices: Sequence[range], terms_of: Callable[[range], dict[str, torch.Tensor]]) -> None:
        """One update: the mean over slices and ranks of the gradients of weighted terms; all are noted before it's made."""
        both = (self.G, self.D, self.G_optimiser), (self.D, self.G, self.D_optimiser)
        module, frozen, optimiser = both[0] if update.learns == "G" else both[1]
        frozen.requires_grad_(False)
        module.requires_grad_(True)
        optimiser.zero_grad(set_to_none=True)
        means: dict[str, torch.Tensor] = {}
        for items in slices:
            terms = terms_of(items)
            (losses.total(terms, update.weights) / len(slices)).backward()  # type: ignore[no-untyped-call]
            means = {name: means.get(name, 0) + term.detach() / len(slices) for name, term in terms.items()}
        self.ranks.average_gradients(module.parameters())
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        self.note(**means, **{update.gradient_name: torch.nn.utils.get_total_norm(gradients)})
        optimiser.step()
        self.G.synthesis.release_buffers()  # torch's fused optimisers don't say that weights changed: it would paint with the old ones

    def adapt(self, step: int) -> None:
        """The strength of augmentation follows the signs of the answers to real pictures."""
        settings, memory = self.config.augment, self.memory
        if settings.kinds and (step + 1) % settings.adjust_every == 0:
            mean_sign = memory["signs"] / memory["sign_steps"]
            memory["strength"] = adapted(memory["strength"], mean_sign, self.config.batch * settings.adjust_every, settings)
            self.note(real_sign=mean_sign, augment_strength=memory["strength"])
            memory["signs"], memory["sign_steps"] = 0.0, 0

    def _keep(self, step: int) -> float:
        """How much of the average stays after this step."""
        half_life = self.config.ema_images
        if self.config.ema_ramp is not None:
            half_life = min(half_life, (step + 1) * self.config.batch * self.config.ema_ramp)
        return decay_of_half_life(self.config.batch, half_life)


def _adam(module: torch.nn.Module, lr: float, lazy_every: int) -> torch.optim.Adam:
    """Adam whose rate and memory allow for an extra, lazy update every `lazy_every` steps (StyleGAN2, appendix B)."""
    share = lazy_every / (lazy_every + 1) if lazy_every else 1.0
    return torch.optim.Adam(module.parameters(), lr * share, betas=(_BETAS[0] ** share if _BETAS[0] else 0.0, _BETAS[1] ** share), fused=True)


def _as_numbers(**values: "float | torch.Tensor") -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def train_adversarial(
    work: Path,
    data: ImageData,
    config: AdversarialConfig,
    *,
    policy: RunPolicy,
    init_from: InitialNetworks | None = None,
    ranks: Ranks | None = None,
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Train a generator on pictures, or resume; returns the path of the averaged one, generator.safetensors in `work`.

    Next to it are critic.safetensors and `adversarial/`: config.json, metrics.jsonl, checkpoints and sheets. `init_from` has the networks
    to begin with (None: random ones). Without `ranks` this process is the only one. `workers` threads read pictures ahead. Raises ConfigError,
    DataError, TrainingError.
    """
    ranks = ranks or Ranks()
    classes = class_labels(data) if config.labels else None
    if init_from is not None:
        config = dataclasses.replace(config, ema_ramp=None)  # the average is one of many pictures already
    training = AdversarialTraining(config, ranks, classes, init_from)
    folder = work / FOLDER
    about = {**dataclasses.asdict(config), "data": data.hash, **({} if init_from is None else {"begin_with": init_from.hash})}
    epochs = Epochs(len(data), config.batch, config.seed)

    def load(step: int) -> tuple[torch.Tensor, list[int]]:
        images = torch.stack([_real_image(data, epochs, config, step, item) for item in training.items])
        shown = [epochs.index(step, item) for item in training.items]
        return images, [] if classes is None else classes.of_images[shown].tolist()

    def sheet(step: int) -> torch.Tensor:
        images = sample_sheet(training.G_ema, data, config.seed, classes)
        (folder / "sheets").mkdir(parents=True, exist_ok=True)
        save_png(folder / "sheets" / f"step_{step:08d}.png", images)
        return images

    defaults = dataclasses.asdict(AdversarialConfig())
    run = SteppedRun(
        folder, training.parts, config=about, defaults=defaults, policy=policy, ranks=ranks, name="generator", sheet=sheet, progress=progress
    )
    if run.is_new and init_from is not None:
        run.notes.extend(init_from.notes)
    run.extra.setdefault("memory", training.memory)
    training.memory, training.note = run.extra["memory"], run.note
    with run.fed(load, config, workers=workers) as steps:
        for step, (real, labels) in steps:
            training.step(step, real, labels)
    result = work / "generator.safetensors"
    if ranks.is_first:
        save_generator(result, training.G_ema, training.G_config, labels=() if classes is None else classes.names)
        save_discriminator(work / CRITIC_FILE, training.D, training.D_config)
    ranks.wait()
    return result


def _real_image(data: ImageData, epochs: Epochs, config: AdversarialConfig, step: int, item: int) -> torch.Tensor:
    """A real image [3, size, size], mirrored half the time where that's wanted."""
    image = data.image(epochs.index(step, item))
    mirrored = config.mirror and torch.rand((), generator=generator_at(config.seed, "mirror", step, item)).item() < 0.5
    return image.flip(2) if mirrored else image
