"""``inspect``: what a file of weights or latents is, what it goes with, what of it is left out."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from ..checkpoints.layouts.recognised import Recognised
from ..checkpoints.stored import OWN, in_words, read_stored
from ..config import (
    DiscriminatorConfig,
    GeneratorConfig,
    ImageEncoderConfig,
    ReleasedBlockConfig,
    ReleasedSoundConfig,
    ReleasedSoundTowerConfig,
    ReleasedWalkerConfig,
    SoundInversionConfig,
    StyleGAN3Config,
    WalkerConfig,
    from_dict,
)
from ..errors import SGVGError, shown
from ..latents import GROUPS
from .terminal import say, say_json

CONFIGURATIONS: dict[str, type] = {
    "generator": GeneratorConfig,
    "generator3": StyleGAN3Config,
    "discriminator": DiscriminatorConfig,
    "sound_encoder": SoundInversionConfig,
    "walker": WalkerConfig,
    "released_sound_encoder": ReleasedSoundConfig,
    "released_walker": ReleasedWalkerConfig,
    "released_walker_block": ReleasedBlockConfig,
    "released_sound_tower": ReleasedSoundTowerConfig,
    "image_encoder": ImageEncoderConfig,
}
"""The configuration of each kind whose layout may come from a file."""
_NO_PARAMETERS = ("noise_const", "w_avg", "latent_avg", "running_mean", "running_var", "num_batches_tracked", "magnitude_ema", "transform",
                  "freqs", "phases")
_MAX_NOTE = 1000
_WITH_LATENTS = ("generator", "generator3")


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``inspect`` to the commands."""
    said = "What a file of weights or latents is, what it goes with, and what of it is left out. Nothing in it is run."
    parser = commands.add_parser("inspect", help="what a file of weights is", description=said)
    parser.add_argument("file", metavar="FILE", type=Path, help=".pkl, .pt, .pth, .safetensors, .npy or .npz of any known layout")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look and print; a file that is refused gives exit code 2."""
    try:
        said = {"file": str(options.file), "bytes": options.file.stat().st_size, **described(read_stored(options.file))}
    except SGVGError as error:
        if not options.json:
            raise
        say_json({"file": str(options.file), "refused": str(error)})
        return 2
    if options.json:
        say_json(said)
        return 0
    say(f"{options.file}: {said['what']}, {said['bytes'] / 2**20:.1f} MiB")
    for line in _lines(said):
        say(f"  {line}")
    if "refused" in said:
        say(f"  refused: {said['refused']}", sys.stderr)
        return 2
    return 0


def described(found: Recognised) -> dict[str, Any]:
    """What a network is, as plain data: the same for people and for programs."""
    said: dict[str, Any] = {
        "what": f"{in_words(found.kind)} ({'written by this program' if found.layout == OWN else found.layout})",
        "kind": found.kind,
        "layout": found.layout,
        "parameters": sum(tensor.numel() for name, tensor in found.state.items() if not name.endswith(_NO_PARAMETERS)),
        "tensors": len(found.state),
        "config": found.config,
    }
    said |= _sizes(found)
    said["notes"] = list(found.notes)
    labels = found.extra.get("labels")
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        said["labels"] = [shown(label) for label in labels]
    source = found.extra.get("source")
    if isinstance(source, dict):
        said["source"] = source
    said["parts"] = {name: {key: value for key, value in described(part).items() if key != "parts"} for name, part in found.parts.items()}
    return said


def _sizes(found: Recognised) -> dict[str, Any]:
    """Picture, latents and what they go with; or why the configuration is refused."""
    said: dict[str, Any] = {}
    config = found.config
    if found.kind in CONFIGURATIONS:
        try:
            config = dataclasses.asdict(from_dict(CONFIGURATIONS[found.kind], found.config, "its configuration"))
        except SGVGError as error:
            return {"refused": str(error)}
    size = config.get("img_resolution", 4)
    if found.kind in (*_WITH_LATENTS, "discriminator"):
        height, width = config.get("const_size") or config.get("final_size") or (4, 4)
        said["picture"] = {"channels": config["img_channels"], "height": size * height // 4, "width": size * width // 4}
    blocks = len(config.get("channels", ()))
    num_ws = {"generator": 2 * blocks, "generator3": blocks + 2}.get(found.kind, config.get("num_ws"))
    if found.kind == "released_walker":
        num_ws, config = sum(config[name]["num_group"] for name in GROUPS), {**config, "w_dim": config["coarse"]["w_dim"]}
    if num_ws:
        said["num_ws"] = num_ws
    said |= {name: config[name] for name in ("z_dim", "c_dim", "w_dim") if name in config}
    said["goes_with"] = _goes_with(found.kind, said)
    return said


def _goes_with(kind: str, said: dict[str, Any]) -> str:
    latents = f"{said.get('num_ws', 'any number of')} latents of {said.get('w_dim', 512)}"
    adapted = "; of another number, they're fitted by layer"
    if kind in _WITH_LATENTS:
        return f"sound encoders, walkers, image encoders and latents for {latents}{adapted}"
    if kind == "discriminator":
        return f"generators of {said['picture']['width']} x {said['picture']['height']} pictures with {said['picture']['channels']} channels"
    if kind in ("sound_encoder", "walker", "released_sound_encoder", "released_walker", "image_encoder", "latents"):
        return f"generators that take {latents}{adapted if kind != 'latents' else ''}"
    if kind == "released_walker_block":
        return "the two other recurrent blocks (coarse, mid, fine) and a sound encoder of the released code"
    if kind == "released_sound_tower":
        return "CLIP ViT-B/32, in whose space its sounds lie"
    return "the other parts of the model it was saved with"


def _lines(said: dict[str, Any]) -> list[str]:
    lines = []
    if "picture" in said:
        image = said["picture"]
        lines.append(f"pictures: {image['width']} x {image['height']}, {image['channels']} channels")
    if "num_ws" in said:
        lines.append(f"latents: {said['num_ws']} of {said.get('w_dim', '?')}")
    if said.get("c_dim"):
        named = "".join(f", {number} {name}" for number, name in enumerate(said.get("labels", ())))
        lines.append(f"labels: {said['c_dim']} (`generate --label` 0 to {said['c_dim'] - 1}){named}")
    lines.append(f"parameters: {said['parameters']:,} in {said['tensors']} tensors")
    if said.get("goes_with"):
        lines.append(f"goes with: {said['goes_with']}")
    settings = {name: value for name, value in said["config"].items() if name not in ("img_channels", "w_dim", "c_dim", "num_ws")}
    lines.append("settings: " + ", ".join(f"{shown(name)} {shown(value)}" for name, value in settings.items()))
    if "source" in said:
        files = said["source"].get("files", [said["source"]])
        lines += [f"converted from: {shown(file.get('name'))}, SHA-256 {shown(file.get('sha256'))}" for file in files if isinstance(file, dict)]
    lines += [f"note: {shown(note, _MAX_NOTE)}" for note in said["notes"]]
    for name, part in said["parts"].items():
        lines.append(f"next to it {shown(name)}: {part['what']}, {part['parameters']:,} parameters")
        lines += [f"  note: {shown(note, _MAX_NOTE)}" for note in part["notes"]]
    return lines
