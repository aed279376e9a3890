"""What a process among several computes of the trainings on clips: `python clip_ranks_child.py FOLDER DATA`, with the names that torchrun sets."""

import dataclasses
import sys
from pathlib import Path

import torch

from sgvg_core.assembly import build_joint_space, build_model
from sgvg_core.config import CriticConfig, JointSpaceConfig, SoundInversionConfig, WalkerConfig
from sgvg_core.datasets import ClipData
from sgvg_core.embedding.prompts import label_captions
from sgvg_core.presets import TINY
from sgvg_core.training.clips.captions import all_words
from sgvg_core.training.clips.joint_space import ClipJointSpaceTraining, MomentReader
from sgvg_core.training.clips.joint_space_config import ClipJointSpaceConfig
from sgvg_core.training.clips.sgvg_config import ClipSgvgConfig
from sgvg_core.training.clips.sgvg_step import ClipSgvgTraining
from sgvg_core.training.clips.walks import WalkReader
from sgvg_core.training.clips.windows import ClipWindows
from sgvg_core.training.runs.ranks import Ranks, joined_ranks

SPACE = JointSpaceConfig(embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, context_length=12,
                         sound_widths=(8, 8), image_norm="item", sound_norm="item")  # fmt: skip
JOINT_SPACE = ClipJointSpaceConfig(space=SPACE, num_merges=20, batch=8, num_steps=10, warm_up=1)
ENCODER = SoundInversionConfig(num_ws=8, w_dim=24, log_mel_size=64, depths=(1, 1, 1, 1), widths=(8, 8, 8, 8), pyramid_width=8, stem_stride=2)
SGVG = ClipSgvgConfig(
    encoder=ENCODER,
    walker=WalkerConfig(num_ws=8, w_dim=24, hidden=16),
    critics=CriticConfig(image_size=16, num_frames=3, image_widths=(8,), video_widths=(8,)),
    batch=4,
    burn_in_steps=(0, 2),
    burn_in_steps_other_clips=(6,),
)


def joint_space_gradients(data: ClipData, ranks: Ranks) -> dict[str, torch.Tensor]:
    """A step of three towers under the contrastive losses of the whole batch; without dropout, whose numbers go by the batch."""
    captions = all_words(label_captions(label) for label in data.labels)
    training = ClipJointSpaceTraining(JOINT_SPACE, captions, data.labels, ranks)
    training.space.sound.dropout.p = 0.0
    reader = MomentReader(ClipWindows(data, SPACE.mel), JOINT_SPACE, training.space, training.image_size)
    training.step(0, reader.read(0, training.items))
    return {name: parameter.grad for name, parameter in training.space.named_parameters() if parameter.grad is not None}


def sgvg_gradients(data: ClipData, config: ClipSgvgConfig, ranks: Ranks) -> dict[str, torch.Tensor]:
    """A step of E_a, walker, D_V and D_I."""
    model = build_model(TINY, seed=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        space = build_joint_space(SPACE).eval().requires_grad_(False)
    training = ClipSgvgTraining(config, model.generator, space, data.labels, ranks)
    reader = WalkReader(ClipWindows(data, config.mel), model.generator, config)
    training.step(1, reader.read(1, range(training.slices[0].start, training.slices[-1].stop)))
    named = {"encoder": training.encoder, "walker": training.walker, "video": training.video_critic, "image": training.image_critic}
    return {f"{part} {name}": parameter.grad for part, module in named.items() for name, parameter in module.named_parameters()
            if parameter.grad is not None}  # fmt: skip


def all_gradients(data: ClipData, ranks: Ranks, accumulate: int) -> dict[str, dict[str, torch.Tensor]]:
    torch.set_num_threads(1)
    return {"joint space": joint_space_gradients(data, ranks), "sgvg": sgvg_gradients(data, dataclasses.replace(SGVG, accumulate=accumulate), ranks)}


if __name__ == "__main__":
    with joined_ranks("cpu") as own:
        found = all_gradients(ClipData.open(sys.argv[2]), own, accumulate=1)
        torch.save(found, Path(sys.argv[1]) / f"rank_{own.rank}.pt")
