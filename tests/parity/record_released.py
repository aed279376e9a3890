"""Run the authors' own networks on the cases of `released_cases` and write their answers as numbers.

    python tests/parity/record_released.py OUT.json [--cases recorded|seeds|full|all] --video DIR --sound2video DIR --manipulation DIR
        --psp DIR --e4e DIR --editing DIR

The folders are checkouts of anonymous5584/sound-guided-semantic-video-generation, kuai-lab/sound2video,
kuai-lab/sound-guided-semantic-image-manipulation, eladrich/pixel2style2pixel, omertov/encoder4editing and yuval-alaluf/stylegan3-editing.
Their scripts can't be imported (they train or generate at once), so their classes are taken out of the files as they stand. For the small
cases the number 512, the width they all have written in, is replaced, and modules are put together by hand around their own `forward`.
Nothing of ours is imported but names, shapes and numbers of the files.
"""

import argparse
import ast
import json
import math
import sys
from collections import namedtuple
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from released_cases import FULL, LIVE, PASSES, RECORDED, SEEDS, WALK_STEPS, Case, block_weights, generate, mean_latent, picture, start, weights


class _Replaced(ast.NodeTransformer):
    def __init__(self, numbers: dict[int, int]) -> None:
        self.numbers = numbers

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        changed = self.numbers.get(node.value) if type(node.value) is int else None
        return node if changed is None else ast.copy_location(ast.Constant(changed), node)


def classes(paths: list[Path], replaced: dict[int, int]) -> SimpleNamespace:
    """Their classes and small functions, without running the rest of the files."""
    space: dict[str, Any] = {name: getattr(nn, name) for name in dir(nn) if name[0].isupper()}
    space |= {"torch": torch, "nn": nn, "np": np, "math": math, "namedtuple": namedtuple, "Enum": Enum, "F": nn.functional}
    space |= {"timm": SimpleNamespace(create_model=_resnet18), "resnet34": lambda pretrained: torchvision.models.resnet34(weights=None)}
    for path in paths:
        wanted = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef) or (
            isinstance(node, ast.FunctionDef) and node.name in ("l2_norm", "get_block", "get_blocks", "_upsample_add"))]
        for node in wanted:
            tree = ast.fix_missing_locations(ast.Module([_Replaced(replaced).visit(node)], []))
            try:
                exec(compile(tree, str(path), "exec"), space)  # noqa: S102 - their code, on purpose
            except NameError:
                continue  # a class of something that isn't needed here
    return SimpleNamespace(**space)


_small_tower = False


def _resnet18(name: str, num_classes: int, pretrained: bool) -> nn.Module:
    if not _small_tower:
        return timm.create_model(name, num_classes=num_classes, pretrained=False)
    return timm.models.resnet.ResNet(timm.models.resnet.BasicBlock, [2, 2, 2, 2], num_classes=48, channels=(64, 32, 48, 24))


def loaded(module: nn.Module, state: dict[str, torch.Tensor]) -> nn.Module:
    module.load_state_dict(state, strict=True)
    return module.eval()


def encoder_around(there: SimpleNamespace, name: str, case: Case, channels: int, head: Any) -> nn.Module:
    """Their class `name` with narrow modules around its own forward."""
    net = getattr(there, name).__new__(getattr(there, name))
    nn.Module.__init__(net)
    widths = case.widths
    if "ResNet" in name:
        net.conv1, net.bn1, net.relu = nn.Conv2d(channels, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0]), nn.PReLU(widths[0])
        units, before = [], widths[0]
        for stage, (depth, width) in enumerate(zip((3, 4, 6, 3), widths, strict=True)):
            for index in range(depth):
                stride = 2 if stage and not index else 1
                down = None
                if stride > 1 or before != width:
                    down = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))
                units.append(torchvision.models.resnet.BasicBlock(before, width, stride, down))
                before = width
    else:
        net.input_layer = nn.Sequential(nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.PReLU(widths[0]))
        units = []
        for depth, before, width in zip((3, 4, 14, 3), (widths[0], *widths[:3]), widths, strict=True):
            units += [there.bottleneck_IR_SE(width if index else before, width, 1 if index else 2) for index in range(depth)]
    net.body = nn.Sequential(*units)
    net.style_count, net.coarse_ind, net.middle_ind = case.num_ws, 3, 7
    pyramid = name in ("GradualStyleEncoder", "Encoder4Editing")
    if "Backbone" not in name or "LastLayer" not in name:
        finer = [(latent >= 3) + (latent >= 7) if pyramid else 0 for latent in range(case.num_ws)]
        net.styles = nn.ModuleList(head(2 << which) for which in finer)
    if pyramid:
        net.latlayer1, net.latlayer2 = nn.Conv2d(widths[2], case.w_dim, 1), nn.Conv2d(widths[1], case.w_dim, 1)
    if hasattr(there, "ProgressiveStage"):
        net.progressive_stage = there.ProgressiveStage.Inference
    if "LastLayer" in name:
        net.n_styles, net.output_pool = case.num_ws, nn.AdaptiveAvgPool2d((1, 1))
        net.linear = there.EqualLinear(case.w_dim, case.w_dim * (case.num_ws if name.endswith("Plus") else 1), lr_mul=1)
    if name.endswith("WPlus"):
        net.output_layer_2 = nn.Sequential(
            nn.BatchNorm2d(case.w_dim), nn.AdaptiveAvgPool2d((7, 7)), nn.Flatten(), nn.Linear(case.w_dim * 49, case.w_dim)
        )
    return net


def sound(case: Case, folders: argparse.Namespace) -> torch.Tensor:
    script = "gen_sound2video.py" if case.kind == "map" else "train_sound2video.py"
    there = classes([folders.video / script], {} if case.full else {512: case.w_dim})
    arch = {} if case.kind == "map" else {"arch": "transformer", "num_encoder_layers": 2}
    encoder = there.Encoder.__new__(there.Encoder)
    nn.Module.__init__(encoder)
    encoder.w_avg = None if case.kind == "map" else mean_latent(case)[0]
    if case.full:
        encoder.encoder = there.GradualStyleEncoder(**arch)
    else:
        encoder.encoder = encoder_around(there, "GradualStyleEncoder", case, 3, lambda spatial: _sound_head(there, case, spatial))
    return loaded(encoder, weights(case))(picture(case, 1).expand(-1, 3, -1, -1))


def _sound_head(there: SimpleNamespace, case: Case, spatial: int) -> nn.Module:
    if case.kind == "map":
        return there.GradualStyleBlock(case.w_dim, case.w_dim, spatial)
    head = there.TransformerBlock(case.w_dim, case.w_dim, 8 * spatial, num_encoder_layers=1)
    layer = nn.TransformerEncoderLayer(case.w_dim, 8, 40)
    head.transformer_encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(case.w_dim))
    return head


_SCRIPTS = {
    "generation": ("video", "gen_sound2video.py"),
    "train 2022": ("video", "train_sound2video.py"),
    "train 2023": ("sound2video", "train_sound2video.py"),
}


def _block(case: Case, folders: argparse.Namespace, group: str) -> nn.Module:
    folder, script = _SCRIPTS[case.kind]
    there = classes([getattr(folders, folder) / script], {} if case.full else {512: case.hidden, 5120: 10 * case.hidden})
    return loaded(there.LatentRNN("cpu", type=group), block_weights(case, 8 if group == "fine" else 4))


def block(case: Case, folders: argparse.Namespace) -> torch.Tensor:
    """Three steps of one block as it stands, each from what it answered."""
    net, ws, h, found = _block(case, folders, "coarse"), start(case)[:, :4].reshape(1, 1, -1), torch.zeros(1, 10, case.hidden), []
    for _ in range(3):
        ws, h = net(ws, h)
        found.append(ws)
    return torch.cat(found).view(3, 4, case.hidden)


def walk(case: Case, folders: argparse.Namespace) -> torch.Tensor:
    """The loop of their generation script."""
    nets = [_block(case, folders, group) for group in ("coarse", "mid", "fine")]
    hidden = [torch.zeros(1, 10, case.hidden) for _ in nets]
    w, shown = start(case), []
    for _ in range(WALK_STEPS):
        shown.append(w)
        parts = []
        for index, (net, part) in enumerate(zip(nets, (slice(0, 4), slice(4, 8), slice(8, 16)), strict=True)):
            after, hidden[index] = net(w[:, part].reshape(1, 1, -1), hidden[index])
            parts.append(after.view(1, -1, case.hidden))
        w = 0.4 * torch.cat(parts, 1) + (1 - 0.4) * w
    return torch.cat(shown)


def tower(case: Case, folders: argparse.Namespace) -> torch.Tensor:
    global _small_tower
    _small_tower = not case.full
    there = classes([folders.manipulation / "soundclip" / "models.py"], {})
    return loaded(there.AudioEncoder(), weights(case))(picture(case, 1))


def _image_encoder(case: Case, folders: argparse.Namespace) -> nn.Module:
    replaced = {} if case.full else {512: case.w_dim}
    if case.kind in ("GradualStyleEncoder", "BackboneEncoderUsingLastLayerIntoW", "BackboneEncoderUsingLastLayerIntoWPlus"):
        home, files = folders.psp, ["models/stylegan2/model.py", "models/encoders/helpers.py", "models/encoders/psp_encoders.py"]
    elif case.kind == "Encoder4Editing":
        home, files = folders.e4e, ["models/stylegan2/model.py", "models/encoders/helpers.py", "models/encoders/psp_encoders.py"]
    else:
        which = "restyle_e4e_encoders.py" if "Progressive" in case.kind else "restyle_psp_encoders.py"
        home = folders.editing
        files = ["models/stylegan2/model.py", *(f"inversion/models/encoders/{name}" for name in ("helpers.py", "map2style.py", which))]
    there = classes([home / file for file in files], replaced)
    channels = 6 if home is folders.editing else 3
    if not case.full:
        net = encoder_around(there, case.kind, case, channels, lambda spatial: there.GradualStyleBlock(case.w_dim, case.w_dim, spatial))
    else:
        opts = SimpleNamespace(input_nc=channels, n_styles=case.num_ws, stylegan_size=2 ** ((case.num_ws + 2) // 2))
        kind = getattr(there, case.kind)
        net = kind(case.num_ws, opts) if "ResNet" in case.kind else kind(50, "ir_se", *([case.num_ws] if channels == 6 else []), opts)
    return loaded(net, {name.removeprefix("encoder."): tensor for name, tensor in weights(case).items()})


def image(case: Case, folders: argparse.Namespace) -> torch.Tensor:
    net = _image_encoder(case, folders)
    channels = 6 if "Backbone" in case.kind and "LastLayer" not in case.kind else 3
    codes = net(picture(case, channels) * 2 - 1)
    if codes.ndim == 2:  # one latent for all
        codes = codes[:, None].repeat(1, case.num_ws, 1)
    return codes + mean_latent(case).repeat(len(codes), 1, 1)


def restyle(case: Case, folders: argparse.Namespace) -> torch.Tensor:
    """Their passes: the mean latent's picture first, then what was made of the latents so far."""
    net, seen, pool = _image_encoder(case, folders), picture(case, 3) * 2 - 1, nn.AdaptiveAvgPool2d((case.image_size, case.image_size))
    made, latent = pool(generate(mean_latent(case)[None])).repeat(len(seen), 1, 1, 1), None
    for _ in range(PASSES):
        codes = net(torch.cat([seen, made], dim=1))
        latent = codes + (mean_latent(case).repeat(len(seen), 1, 1) if latent is None else latent)
        made = pool(generate(latent))
    return latent


PARTS = {"sound": sound, "block": block, "walk": walk, "tower": tower, "image": image, "restyle": restyle}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", choices=("recorded", "seeds", "full", "all"), default="recorded")
    for name in ("video", "sound2video", "manipulation", "psp", "e4e", "editing"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    found = {}
    with torch.no_grad():
        for name, case in {"recorded": RECORDED, "seeds": SEEDS, "full": FULL, "all": LIVE}[options.cases].items():
            result = PARTS[case.part](case, options)
            found[name] = {"shape": list(result.shape), "values": [float(f"{value:.7g}") for value in result.double().flatten().tolist()]}
    options.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
