"""Stages of training in a process that has torch, numpy and safetensors alone: every other package is as if it weren't installed.

    python bare_child.py WORK        prints the stages that ran
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

HIDDEN = ("av", "PIL", "open_clip", "torchvision", "torchaudio", "tqdm", "timm", "huggingface_hub")


class Bare(PathFinder):
    """Finds no hidden package: whoever imports one fails, whoever only asks is told that it isn't there."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in HIDDEN else super().find_spec(fullname, path, target)


def main() -> None:
    """The stages that the procedural world teaches and that need no CLIP, a step each, by what the command line calls."""
    sys.meta_path[:] = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
    import torch

    torch.set_num_threads(1)
    from sgvg_core.cli.main import build_parser
    from sgvg_core.cli.main import main as command
    from sgvg_core.cli.train import _settings
    from sgvg_core.environment import check_environment, packages_for
    from sgvg_core.training.world import encoder_warmup, generator, latent_targets, stages

    generator._SCENES_A_JOB, latent_targets._NUM_CODES = 12, 64  # few of everything
    generator.set_w_avg.__wrapped__.__defaults__ = (64,)
    work, step = Path(sys.argv[1]), 1 / 60 / 1000
    words = ["train", "walk", "--work", str(work), "--preset", "tiny", "--threads", "1", "--scenes", "12", "--clips", "9"]
    changes = ("judge_steps=1", "num_held_out=12", "reader_steps=1", "walk.pool_seconds=2.5", "walk.encoder_batch=8", "config.judge.image_size=32")
    check_environment(packages_for(words))
    settings = _settings(build_parser(words).parse_args([*words, *(word for change in changes for word in ("--set", change))]))
    stages.generator_stage(settings, (step,))
    stages.detail_stage(settings, step)
    assert set(stages.judge_stage(settings)) >= {"accuracy"}
    encoder_warmup._NUM_MEASURED = 20
    stages.walk_stage(settings, step)
    for stage, *more in (["joint-space"], ["finetune"], ["export", "-o", str(work / "model")]):
        assert command(["train", stage, "--work", str(work), *more]) == 2
    found = [name for name in HIDDEN if name in sys.modules]
    assert not found, found
    print("generator sharpen judge walk")


if __name__ == "__main__":
    main()
