"""The updates of each stage of training that `training_speed.py` times: ours, and those of the closest peer that runs.

generator: NVIDIA's stylegan2-ada-pytorch, its own loss.
joint-space: F_a of sound-guided-semantic-image-manipulation (Lee et al., CVPR 2022). Its script wants CUDA, its own data and the clip
package; its update is written here around its own AudioEncoder (ResNet-18): sounds against words, and against themselves worn.
sgvg: sound-guided-semantic-video-generation (Lee et al., ECCV 2022). Its trainer stops at an error in its first step (a loss takes a list
for a tensor) and wants CUDA and two processes; its update is written here around its own E_a, LatentRNN and discriminators, and the StyleGAN2
in its folder, without that loss, which compares frames with themselves. Its IR-SE-50 is made narrower, as the parity runs do.
"""

import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional as F

Updates = dict[str, Callable[[], Any]]
"""An update by its name."""

BASE, WIDEST = 4096, 256
"""Channel base and maximum of generators: the plan of the bundled model."""
W_DIM, NUM_WS, NUM_FRAMES, SIDE = 256, 14, 6, 256
"""Of E_a, walker and generator of 256 px, the one size that the peer's D_I takes."""
ENCODER_WIDTHS, VIDEO_WIDTHS, IMAGE_WIDTHS = (32, 64, 128, 256), (16, 32, 64, 128), (64, 128, 256, 512, 512, 512)
"""D_V is half as wide as the peer's, whose convolutions see one frame at a time: so it has as many numbers."""
SOUND_WIDTHS = (72, 144, 288, 576)
"""F_a, of about as many numbers as a ResNet-18."""
CLIP = {
    "embed_dim": 512,
    "vision_cfg": {"image_size": 224, "layers": 12, "width": 192, "head_width": 64, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 2, "layers": 12},
}
"""A ViT-B/32 a quarter as wide; both sides have the same one, frozen."""
LABELS = ("rain", "fire", "wind", "sea", "bird", "river", "thunder", "snow", "train")


def our_generator(size: int, batch: int) -> Updates:
    """Stage one: the four updates of StyleGAN2."""
    from sgvg_core.augmentation.adaptive import AugmentConfig
    from sgvg_core.training.clips.adversarial import AdversarialTraining
    from sgvg_core.training.clips.adversarial_config import AdversarialConfig

    config = AdversarialConfig(size=size, channel_base=BASE, channel_max=WIDEST, batch=batch, r1_gamma=1.0, augment=AugmentConfig(kinds=()))
    training, real = AdversarialTraining(config), torch.randn(batch, 3, size, size)
    return {
        "generator": lambda: training.teach_generator(0),
        "path length": lambda: training.smooth_paths(0),
        "discriminator": lambda: training.teach_critic(0, real),
        "R1": lambda: training.penalise_critic(0, real),
    }


def their_generator(folder: Path, size: int, batch: int) -> Updates:
    """The same of NVIDIA's."""
    with _checkout(folder):
        from training.loss import StyleGAN2Loss
        from training.networks import Discriminator, Generator

        plan = {"channel_base": BASE, "channel_max": WIDEST, "num_fp16_res": 0}
        generator = Generator(256, 0, 256, size, 3, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=plan).train()
        critic = Discriminator(0, size, 3, **plan, epilogue_kwargs={"mbstd_group_size": 4}).train()
    loss = StyleGAN2Loss("cpu", generator.mapping, generator.synthesis, critic, r1_gamma=1.0)
    modules = {"G": (generator, torch.optim.Adam(generator.parameters(), 0.002, (0.0, 0.99))),
               "D": (critic, torch.optim.Adam(critic.parameters(), 0.002, (0.0, 0.99)))}  # fmt: skip
    generator.requires_grad_(False)
    critic.requires_grad_(False)
    real, no_label = torch.randn(batch, 3, size, size), torch.zeros(batch, 0)

    def update(phase: str, gain: int) -> None:
        module, optimiser = modules[phase[0]]
        optimiser.zero_grad(set_to_none=True)
        module.requires_grad_(True)
        loss.accumulate_gradients(phase, real, no_label, torch.randn(batch, 256), no_label, True, gain)
        module.requires_grad_(False)
        optimiser.step()

    return {
        "generator": lambda: update("Gmain", 1),
        "path length": lambda: update("Greg", 4),
        "discriminator": lambda: update("Dmain", 1),
        "R1": lambda: update("Dreg", 16),
    }


def our_joint_space(size: int, batch: int) -> Updates:
    """Stage two onto a frozen CLIP model; sound pictures of `size`."""
    from sgvg_core.embedding.prompts import label_captions
    from sgvg_core.training.clips.captions import all_words
    from sgvg_core.training.clips.joint_space import ClipJointSpaceTraining, Moments
    from sgvg_core.training.clips.joint_space_config import ClipJointSpaceConfig, JointSpaceWeights

    captions = all_words(label_captions(label) for label in LABELS)
    space = ClipJointSpaceConfig().space
    mel = dataclasses.replace(space.mel, n_mels=size, resized_mels=size, resized_frames=size)
    space = dataclasses.replace(space, sound_widths=SOUND_WIDTHS, mel=mel)
    said = [captions[7 * item % len(captions)] for item in range(batch)]
    moments = Moments(torch.rand(batch, 3, 224, 224) * 2 - 1, torch.rand(batch, 1, size, size), said, None, torch.arange(batch), torch.arange(batch))
    words = JointSpaceWeights(contrastive_sound_image=0, contrastive_image_text=0, sound_text=0)
    every = JointSpaceWeights(contrastive_image_text=0, sound_image=1, sound_text=1)
    with _clip_folder() as clip:
        trainings = [ClipJointSpaceTraining(ClipJointSpaceConfig(onto=f"open_clip:{clip}", space=space, weights=weights), captions, LABELS)
                     for weights in (words, every)]  # fmt: skip
    print(f"ours: F_a of {_millions(trainings[0].learning)}")
    return {"sounds and words": lambda: trainings[0].step(0, moments), "as each is": lambda: trainings[1].step(0, moments)}


def their_joint_space(folder: Path, size: int, batch: int) -> Updates:
    """The update of the peer's script, and the same without its second half (sounds against themselves, worn)."""
    from sgvg_core.embedding.prompts import label_captions

    tower = _classes(folder / "soundclip" / "models.py").AudioEncoder().train()
    optimiser = torch.optim.SGD(tower.parameters(), 1e-3, momentum=0.9, weight_decay=5e-4)
    clip, sounds, augmented, wanted = _clip(), torch.rand(batch, 1, size, size), torch.rand(batch, 1, size, size), torch.arange(batch)
    said = [label_captions(LABELS[item % len(LABELS)])[item % 8] for item in range(batch)]
    print(f"theirs: F_a of {_millions(tower)}")

    def both_ways(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        scores = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T
        return F.cross_entropy(scores, wanted) + F.cross_entropy(scores.T, wanted)

    def update(with_worn: bool) -> None:
        heard = tower(sounds)
        loss = both_ways(heard, tower(augmented)) if with_worn else 0
        with torch.no_grad():
            words = clip.embed_texts(said)
        optimiser.zero_grad()
        (loss + both_ways(heard, words)).backward()
        optimiser.step()

    return {"sounds and words": lambda: update(False), "as each is": lambda: update(True)}


def our_sgvg(size: int, batch: int) -> Updates:
    """Stage three, all terms of Eq. 9; sound pictures of `size`, a walk has made no steps before."""
    from sgvg_core.assembly import build_clip_sound_tower
    from sgvg_core.config import CriticConfig, SoundInversionConfig, SoundTowerConfig, WalkerConfig
    from sgvg_core.presets import LANDSCAPES
    from sgvg_core.synthesis import StyleGAN2Generator
    from sgvg_core.training.clips import sgvg as clip_sgvg
    from sgvg_core.training.clips.sgvg_config import ClipSgvgConfig

    generator = StyleGAN2Generator(SIDE, _channels(), z_dim=W_DIM, w_dim=W_DIM).eval().requires_grad_(False)
    mel = dataclasses.replace(LANDSCAPES.mel, n_mels=size, resized_mels=size, resized_frames=size)
    space = _clip()
    tower = SoundTowerConfig("clip", "", space.embed_dim, (16, 32, 64, 128), 0, "item", mel, LABELS)
    space.hears(build_clip_sound_tower(tower).requires_grad_(False).eval(), mel, LABELS)
    config = ClipSgvgConfig(
        encoder=SoundInversionConfig(NUM_WS, W_DIM, size, widths=ENCODER_WIDTHS, pyramid_width=ENCODER_WIDTHS[-1], bounds=(3, 7)),
        walker=WalkerConfig(NUM_WS, W_DIM, (4, 8), hidden=448, num_layers=5),
        mel=mel,
        critics=CriticConfig(SIDE, NUM_FRAMES, image_widths=IMAGE_WIDTHS, video_widths=VIDEO_WIDTHS),
        batch=batch,
        burn_in_steps=(0,),
    )
    training = clip_sgvg.ClipSgvgTraining(config, generator, space, LABELS)
    sounds, real = torch.rand(batch, NUM_FRAMES, 1, size, size), torch.rand(batch, NUM_FRAMES, 3, SIDE, SIDE) * 2 - 1
    walks = clip_sgvg.Walks(sounds, torch.arange(batch) % len(LABELS), torch.randn(batch, NUM_WS, W_DIM), real)
    parts = {"E_a": training.encoder, "walker": training.walker, "D_V": training.video_critic, "D_I": training.image_critic}
    print("ours:", ", ".join(f"{name} of {_millions(part)}" for name, part in parts.items()))
    return {"a step": lambda: training.step(1, walks), "as each is": lambda: training.step(1, walks)}


def their_sgvg(folder: Path, size: int, batch: int) -> Updates:
    """The update of the peer's script (sound heard once, CLIP sees the last frame), and the same where every step hears and shows."""
    with _checkout(folder):
        from training.networks_stylegan2 import Generator

        generator = Generator(W_DIM, 0, W_DIM, SIDE, 3, channel_base=BASE, channel_max=WIDEST, num_fp16_res=0).eval().requires_grad_(False)

    script = folder / "train_sound2video.py"
    there, narrow = _classes(script), _classes(script, {512: W_DIM, 8: NUM_WS - 8})
    plan = SimpleNamespace(widths=ENCODER_WIDTHS, num_ws=NUM_WS, w_dim=W_DIM)
    head = lambda spatial: there.GradualStyleBlock(W_DIM, W_DIM, spatial * size // 32)  # noqa: E731
    encoder = _parity().encoder_around(there, "GradualStyleEncoder", plan, 3, head)
    rnns = torch.nn.ModuleList(narrow.LatentRNN("cpu", type=group, hidden_size=W_DIM) for group in ("coarse", "mid", "fine"))
    critics = torch.nn.ModuleList([there.Discriminator(T=NUM_FRAMES), there.Discriminator2D()])
    judge = there.CLIPLoss.__new__(there.CLIPLoss)
    torch.nn.Module.__init__(judge)
    clip, judge.upsample, judge.avg_pool = _clip(), torch.nn.Upsample(scale_factor=7), torch.nn.AvgPool2d(SIDE // 32)
    judge.model = lambda images, words: (100 * F.normalize(clip.clip.encode_image(images), dim=-1) @ clip.embed_texts(words).T,)
    optimisers = [torch.optim.AdamW(part.parameters(), 1e-4) for part in (*critics, rnns, encoder)]
    sounds, w0 = torch.rand(batch, NUM_FRAMES, 1, size, size).expand(-1, -1, 3, -1, -1), torch.randn(1, NUM_WS, W_DIM)
    real, mse = torch.rand(batch, NUM_FRAMES, 3, SIDE, SIDE) * 2 - 1, F.mse_loss
    parts = {"E_a": encoder, "walker": rnns, "D_V": critics[0], "D_I": critics[1]}
    print("theirs:", ", ".join(f"{name} of {_millions(part)}" for name, part in parts.items()))

    def update(every: bool) -> None:
        made, loss = [], 0
        for item in range(batch):
            heard = encoder(sounds[item] if every else sounds[item, :1])
            ws, walked, hidden, loss = heard[:1], [], [torch.zeros(1, 10, W_DIM) for _ in rnns], loss + mse(heard[:1], w0)
            for step in range(NUM_FRAMES):
                ws = ws + heard[step : step + 1] if every and step else ws
                walked.append(ws)
                stepped = [rnn(part.reshape(1, 1, -1), h) for rnn, part, h in zip(rnns, ws.split((4, 4, NUM_WS - 8), 1), hidden, strict=True)]
                ws, hidden = torch.cat([part.view(1, -1, W_DIM) for part, _ in stepped], 1), [h for _, h in stepped]
                loss = loss + mse(ws, w0)
            frames = generator.synthesis(torch.cat(walked), noise_mode="const", force_fp32=True)
            shown = frames if every else generator.synthesis(ws, noise_mode="const", force_fp32=True)
            loss = loss + 0.001 * judge((shown + 1) / 2, [LABELS[item % len(LABELS)]]).mean()
            made.append(frames)
        clips = torch.stack(made)
        for critic, optimiser, seen in zip(critics, optimisers, (lambda x: x.transpose(1, 2), lambda x: x.flatten(0, 1)), strict=False):
            optimiser.zero_grad()
            answers, others = critic(seen(real)), critic(seen(clips.detach()))
            (0.5 * mse(answers, torch.ones_like(answers)) + 0.5 * mse(others, torch.zeros_like(others))).backward()
            optimiser.step()
            answers = critic(seen(clips))
            loss = loss + mse(answers, torch.ones_like(answers))
        for optimiser in optimisers[2:]:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers[2:]:
            optimiser.step()

    return {"a step": lambda: update(True), "as each is": lambda: update(False)}


def _channels() -> list[int]:
    return [min(BASE >> power, WIDEST) for power in range(2, SIDE.bit_length())]


def _millions(module: torch.nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in module.parameters()) / 1e6:.1f} M numbers"


@contextlib.contextmanager
def _checkout(folder: Path) -> Iterator[None]:
    """`folder` on the search path; afterwards its modules are forgotten, since checkouts have packages of the same names."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] in ("training", "torch_utils", "dnnlib")]:
            del sys.modules[name]


def _parity() -> Any:
    """The parity runs' way to other people's classes."""
    tests = str(Path(__file__).resolve().parents[1] / "tests" / "parity")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    import record_released

    return record_released


def _classes(script: Path, replaced: dict[int, int] | None = None) -> SimpleNamespace:
    found: SimpleNamespace = _parity().classes([script], replaced or {})
    return found


@contextlib.contextmanager
def _clip_folder() -> Iterator[Path]:
    """A folder with the CLIP model, of random weights."""
    from open_clip.model import CLIP as Network
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        network = Network(**json.loads(json.dumps(CLIP)))
        (Path(folder) / "open_clip_config.json").write_text(json.dumps({"model_cfg": CLIP, "preprocess_cfg": {"resize_mode": "squash"}}))
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, Path(folder) / "open_clip_model.safetensors")
        yield Path(folder)


def _clip() -> Any:
    from sgvg_core.embedding import load_open_clip

    with _clip_folder() as folder:
        return load_open_clip(str(folder)).requires_grad_(False).eval()
