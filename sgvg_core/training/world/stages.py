"""The stages of training in their order, each with what it needs from the work folder and what it leaves there.

    generator     pictures/ held_out/ *px.state     -> generator.safetensors
    sharpen       sharpened/sharpen.state           -> sharpened/generator.safetensors
    judge         judge.state                       -> judge.safetensors
    joint-space   joint_space.state                 -> joint_space.safetensors
    walk          sounds/ *.state                   -> sound_encoder.safetensors walker.safetensors   (the warm-up)
    finetune      clips.npy */*.state               -> encoder_loss/ critics/, each with both of these

Every stage can be killed at any time: called again, it resumes from its state file, and a finished one returns at once.
"""

import dataclasses
from pathlib import Path

from ...assembly import load_generator
from ...config import CriticConfig
from ...errors import ConfigError
from ...presets import LANDSCAPES, ModelConfig
from ...progress import Progress, silent
from ...synthesis import StyleGAN2Generator
from ..runs.credits import keep_credits, note_recordings
from ..runs.model_card import credits_of
from .detail_finetune import DetailConfig, finetune_detail
from .encoder_warmup import warm_up_encoder
from .generator import RenderedImages, render_images, train_generator
from .joint_space import JointSpaceRun, train_joint_space
from .judge import train_judge
from .latent_targets import find_latent_targets
from .paper_losses import FinetuneConfig, finetune
from .rendered_clips import render_clips
from .results import SHARPENED, generator_file, needed
from .sound_data import REAL_SHARE, drop_rare_classes, load_recordings
from .sound_pool import SoundPool, make_recording_pool, make_sound_pool, with_mixture_weights
from .walker_warmup import WalkTraining, train_walker

GENERATOR_MINUTES = {32: 4.0, 64: 10.0, 128: 42.0, 256: 120.0, 512: 480.0}
"""How the minutes of a generator are shared among its sizes, in pixels."""


@dataclasses.dataclass(frozen=True)
class TrainSettings:
    """What all stages share."""

    work: Path
    """The folder of states, logs and results."""
    config: ModelConfig = LANDSCAPES
    init_from: Path | None = None
    """A model folder whose weights a stage begins with, where it isn't a run that is resumed."""
    recordings: Path | None = None
    """A folder of real recordings, `DIR/<scene>/<file>`, for the joint space and the sound encoder."""
    real_share: float = REAL_SHARE
    """Share of real windows in what the sound encoder learns from, of each scene that has recordings of enough sources."""
    num_scenes: int = 4200
    """Scenes that the generator learns from."""
    num_held_out: int = 450
    """Scenes that it is measured by."""
    num_clips: int = 1080
    """Clips of synthesised sound for the walk."""
    num_rendered: int = 1200
    """Short rendered clips for the discriminators."""
    judge_steps: int = 1500
    """Steps of the judge's training."""
    reader_steps: int = 1500
    """Steps of the small network that reads the phase off a latent, for the teacher of the walk."""
    generator_lr: float = 0.01
    """Adam's rate for the generator."""
    generator_batch: int = 8
    """Pictures a step for the generator."""
    walk: WalkTraining = dataclasses.field(default_factory=WalkTraining)
    joint_space: JointSpaceRun = dataclasses.field(default_factory=JointSpaceRun)
    sharpen: DetailConfig = dataclasses.field(default_factory=DetailConfig)
    """How the generator's detail is learned at the end."""
    finetune: FinetuneConfig = dataclasses.field(default_factory=FinetuneConfig)
    critics: CriticConfig = dataclasses.field(default_factory=CriticConfig)
    workers: int = 2
    """Processes that render pictures and synthesise sounds."""
    seed: int = 1

    def begins_with(self, part: str) -> Path | None:
        """The file whose weights a part begins with, if any."""
        if self.init_from is None:
            return None
        if part != "generator":  # what these learned of recordings stays in them
            keep_credits(self.work, credits_of(self.init_from))
        return self.init_from / f"{part}.safetensors"


def rendered_images(settings: TrainSettings, progress: Progress = silent) -> tuple[RenderedImages, RenderedImages]:
    """The rendered pictures to learn from and those held out, made where they aren't there yet."""
    size = settings.config.generator.img_resolution
    images = render_images(
        settings.work / "pictures", seed=settings.seed, num_scenes=settings.num_scenes, size=size, workers=settings.workers, progress=progress
    )
    held_out = render_images(
        settings.work / "held_out",
        seed=settings.seed + 1_000_000,
        num_scenes=settings.num_held_out,
        frames_a_scene=1,
        size=size,
        workers=settings.workers,
        progress=progress,
    )
    return images, held_out


def generator_stage(settings: TrainSettings, minutes: tuple[float, ...], progress: Progress = silent) -> Path:
    """Stage one. `minutes` holds one number a size, smallest first, or one number for all together."""
    rendered_images(settings, progress)
    shares = {size: share for size, share in GENERATOR_MINUTES.items() if size <= settings.config.generator.img_resolution}
    if len(minutes) == 1:
        minutes = tuple(minutes[0] * share / sum(shares.values()) for share in shares.values())
    return train_generator(
        settings.work,
        settings.config.generator,
        sizes=tuple(shares),
        minutes=minutes,
        num_scenes=settings.num_scenes,
        num_held_out=settings.num_held_out,
        batch=settings.generator_batch,
        lr=settings.generator_lr,
        seed=settings.seed,
        workers=settings.workers,
        progress=progress,
    )


def detail_stage(settings: TrainSettings, minutes: float, progress: Progress = silent) -> Path:
    """Stage one, its end: crisp detail, the mapping as it is. `minutes` count over all runs."""
    images, held_out = rendered_images(settings, progress)
    before = settings.begins_with("generator") or needed(settings.work / "generator.safetensors", "generator")
    folder = settings.work / SHARPENED
    return finetune_detail(
        folder, before, settings.config.generator, images, held_out, minutes=minutes, settings=settings.sharpen, progress=progress
    )


def judge_stage(settings: TrainSettings, progress: Progress = silent) -> dict[str, float]:
    """The judge of pictures, which only measures."""
    images, held_out = rendered_images(settings, progress)
    path = settings.work / "judge.safetensors"
    return train_judge(path, images, held_out, settings.config.judge, num_steps=settings.judge_steps, progress=progress)


def joint_space_stage(settings: TrainSettings, minutes: float, progress: Progress = silent) -> Path:
    """Stage two: the joint space of pictures, words and sounds. `minutes` count over all runs."""
    images, _ = rendered_images(settings, progress)
    run = dataclasses.replace(settings.joint_space, minutes=minutes)
    before = settings.begins_with("joint_space")
    if settings.recordings is not None:
        note_recordings(settings.work, settings.recordings)
    return train_joint_space(
        settings.work, images, settings.config.joint_space, run=run, init_from=before, recordings=settings.recordings, progress=progress
    )


def sound_pools(settings: TrainSettings, progress: Progress = silent) -> list[SoundPool]:
    """The synthesised sounds of the walk and, where there are some, the recordings."""
    mel, rate = settings.config.mel, settings.config.walker.walk_rate
    pools = [
        make_sound_pool(
            settings.work / "sounds",
            mel,
            rate=rate,
            seed=settings.seed + 20,
            num_clips=settings.num_clips,
            seconds=settings.walk.pool_seconds,
            workers=settings.workers,
            progress=progress,
        )
    ]
    if settings.recordings is not None:
        note_recordings(settings.work, settings.recordings)
        recordings = drop_rare_classes(load_recordings(settings.recordings, mel.sample_rate))
        if recordings:
            folder = settings.work / "recordings"
            pools.append(make_recording_pool(folder, recordings, mel, rate=rate, workers=settings.workers, progress=progress))
    return pools


def _shorter_pool(settings: TrainSettings, progress: Progress) -> SoundPool:
    """Synthesised clips of half the length."""
    folder, mel, rate = settings.work / "short_sounds", settings.config.mel, settings.config.walker.walk_rate
    return make_sound_pool(folder, mel, rate=rate, seed=settings.seed + 21, num_clips=settings.walk.short_clips,
                           seconds=settings.walk.pool_seconds / 2, workers=settings.workers, progress=progress)  # fmt: skip


def walk_stage(settings: TrainSettings, minutes: float, progress: Progress = silent) -> None:
    """Stage three, warm-up: E_a learns the offsets of sounds, the walker its steps, by the world's own answers.

    `minutes` count over all runs, and are parted between E_a and the walker. Raises ConfigError for a StyleGAN3.
    """
    generator = load_generator(generator_file(settings.work))
    if not isinstance(generator, StyleGAN2Generator):
        raise ConfigError(f"{settings.work}: got a StyleGAN3 generator, but this stage is for the StyleGAN2 that stage one trains")
    config, training, pools = settings.config, settings.walk, sound_pools(settings, progress)
    shorter = [_shorter_pool(settings, progress)] if training.short_clips else []
    targets = find_latent_targets(generator, num_reader_steps=settings.reader_steps)
    encoder = warm_up_encoder(
        settings.work,
        targets,
        with_mixture_weights([pools[0], *shorter, *pools[1:]], settings.real_share, 1 + len(shorter)),
        config.sound_encoder,
        config.mel,
        minutes=minutes * training.encoder_share,
        batch=training.encoder_batch,
        lr=training.encoder_lr,
        training=training,
        init_from=settings.begins_with("sound_encoder"),
        progress=progress,
    )
    train_walker(
        settings.work,
        targets,
        encoder,
        [pools[0].first(training.walker_clips) if training.walker_clips else pools[0], *pools[1:]],
        config.walker,
        minutes=minutes * (1 - training.encoder_share),
        batch=training.walker_batch,
        chunk=training.chunk,
        lr=training.walker_lr,
        training=training,
        init_from=settings.begins_with("walker"),
        progress=progress,
    )


def finetune_stage(settings: TrainSettings, minutes: tuple[float, ...], progress: Progress = silent) -> Path:
    """Stage four, the paper's losses: L_enc, then D_V and D_I. `minutes` holds one number a phase, or one for both together."""
    generator_file(settings.work)
    for part, stage in (("joint_space", "joint-space"), ("sound_encoder", "walk"), ("walker", "walk")):
        needed(settings.work / f"{part}.safetensors", stage)
    config, pools = settings.config, sound_pools(settings, progress)
    clips = render_clips(
        settings.work / "clips.npy",
        seed=settings.seed + 30,
        num_clips=settings.num_rendered,
        num_frames=settings.critics.num_frames,
        rate=config.walker.walk_rate,
        image_size=config.generator.img_resolution,
        size=settings.critics.image_size,
        workers=settings.workers,
        progress=progress,
    )
    first, second = (minutes[0] / 3, minutes[0] * 2 / 3) if len(minutes) == 1 else (minutes[0], sum(minutes[1:]))
    return finetune(
        settings.work,
        pools,
        clips,
        encoder_config=config.sound_encoder,
        mel=config.mel,
        minutes=(first, second),
        config=settings.finetune,
        critics=settings.critics,
        progress=progress,
    )
