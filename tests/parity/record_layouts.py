"""Run the code that checkpoints come from on the cases of `layout_cases` and write what it answers as numbers.

    python tests/parity/record_layouts.py nvidia|converted|tensorflow CHECKOUT OUT.json [--files FOLDER]

CHECKOUT is one of https://github.com/NVlabs/stylegan3 or NVlabs/stylegan2-ada-pytorch (nvidia), NVlabs/stylegan3 (tensorflow) or
rosinality/stylegan2-pytorch (converted). Without --files only the small cases are run, those that the tests keep. With it all are, and
FOLDER gets the files as that code saves them (NAME.pkl or .pt) and its answers (NAME.expected.pt). Nothing of the core is imported.
"""

import argparse
import itertools
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from foreign_networks import filled, tensorflow_discriminator, tensorflow_generator, tensorflow_network, write_pickle
from layout_cases import (
    LIVE_CONVERTED,
    LIVE_NVIDIA,
    LIVE_TENSORFLOW,
    RECORDED_CONVERTED,
    RECORDED_NVIDIA,
    RECORDED_TENSORFLOW,
    Converted,
    Nvidia,
    TensorFlow,
    codes,
)

LatentTargets = dict[str, torch.Tensor]


def fill(network: torch.nn.Module, lr_multiplier: float = 0.01, scale: float = 1.0) -> torch.nn.Module:
    """Give a network the numbers of the formula."""
    own = network.state_dict()
    state = filled({name: tuple(tensor.shape) for name, tensor in own.items() if "resample_filter" not in name}, lr_multiplier)
    network.load_state_dict({**own, **{name: tensor * scale for name, tensor in state.items()}})
    return network.eval().requires_grad_(False)


def answers_of(generator: Any, critic: Any, z_dim: int, c_dim: int, psi: float, cutoff: int | None) -> LatentTargets:
    """What NVIDIA's two networks say."""
    z, c = codes("z", 1, z_dim), codes("c", 1, c_dim)
    ws = generator.mapping(z, c, truncation_psi=psi, truncation_cutoff=cutoff)
    images = codes("pictures", 4, generator.img_channels, generator.img_resolution, generator.img_resolution)
    return {
        "ws": generator.mapping(z, c),
        "truncated": ws,
        "picture": generator.synthesis(ws, noise_mode="const"),
        "no noise": generator.synthesis(ws, noise_mode="none")[:, :, ::4, ::4],
        "critic": critic(images, codes("labels", 4, c_dim)),
    }


def nvidia(case: Nvidia, path: Path | None) -> LatentTargets:
    """Answers of a case; the snapshot goes to `path`."""
    widths = {"channel_base": case.base, "channel_max": case.widest, "num_fp16_res": 0}
    synthesis = widths | {"architecture": case.architecture, "conv_clamp": case.clamp, "use_noise": case.uses_noise}
    try:
        from training.networks_stylegan2 import Discriminator, Generator
    except ImportError:
        from training.networks import Discriminator, Generator

        synthesis = {"synthesis_kwargs": synthesis}
    made = [Generator(case.z_dim, case.c_dim, case.w_dim, case.size, case.channels, mapping_kwargs=dict(case.mapping), **synthesis) for _ in range(2)]
    options = widths | {"conv_clamp": None} | dict(case.critic)
    critic = fill(Discriminator(case.c_dim, case.size, case.channels, **options))
    lr_multiplier = dict(case.mapping).get("lr_multiplier", 0.01)
    averaged, raw = fill(made[0], lr_multiplier), fill(made[1], lr_multiplier, 0.9)
    if path is not None:
        with path.with_suffix(".pkl").open("wb") as file:
            pickle.dump({"G": raw, "D": critic, "G_ema": averaged, "augment_pipe": None, "training_set_kwargs": {"path": "a.zip"}}, file)
        torch.save(averaged.state_dict(), path.with_suffix(".pt"))
    return answers_of(averaged, critic, case.z_dim, case.c_dim, case.psi, case.cutoff)


def tensorflow(case: TensorFlow, path: Path | None) -> LatentTargets:
    """Answers of a case after NVIDIA's own conversion; the tuple of networks goes to `path`."""
    import legacy

    shapes = tensorflow_generator(case.widths, z_dim=case.z_dim, w_dim=case.w_dim, c_dim=case.c_dim, num_mapping=case.num_mapping,
                                  num_channels=case.num_channels, architecture=case.architecture)
    critic = tensorflow_discriminator(case.widths, num_channels=case.num_channels, c_dim=case.c_dim, architecture=case.critic)
    settings = case.settings(critic=False)
    networks = tensorflow_network(shapes, settings, 0.9), tensorflow_network(critic, case.settings(critic=True)), tensorflow_network(shapes, settings)
    file = write_pickle((path or Path("/tmp/tensorflow_case")).with_suffix(".pkl"), networks)
    with file.open("rb") as opened:
        theirs = legacy.load_network_pkl(opened)
    return answers_of(theirs["G_ema"], theirs["D"], case.z_dim, case.c_dim, 0.6, None)


def converted(case: Converted, path: Path | None) -> LatentTargets:
    """Answers of a case; the checkpoint goes to `path`."""
    import torch.utils.cpp_extension

    torch.utils.cpp_extension.load = lambda *_, **__: None  # its compiled operations are for CUDA alone
    import model

    network = model.Generator(case.size, case.style_dim, case.num_mapping, channel_multiplier=case.multiplier)
    if case.widths is not None:  # its own blocks, narrower
        widths, dim = case.widths, case.style_dim
        network.input, network.conv1 = model.ConstantInput(widths[0]), model.StyledConv(widths[0], widths[0], 3, dim)
        network.to_rgb1 = model.ToRGB(widths[0], dim, upsample=False)
        network.convs = torch.nn.ModuleList()
        for before, width in itertools.pairwise(widths):
            network.convs.extend([model.StyledConv(before, width, 3, dim, upsample=True), model.StyledConv(width, width, 3, dim)])
        network.to_rgbs = torch.nn.ModuleList(model.ToRGB(width, dim) for width in widths[1:])
    fill(network)
    mean = 0.5 * codes("mean", case.style_dim)
    z = codes("z", 1, case.style_dim)
    ws = network.style(z)
    picture, _ = network([z], truncation=0.6, truncation_latent=mean[None], randomize_noise=False)
    whole, _ = network([z], randomize_noise=False)
    answers = {"ws": ws, "truncated": mean + 0.6 * (ws - mean), "picture": picture, "whole": whole}
    if path is not None:
        stored: dict[str, Any] = {"g_ema": network.state_dict()}
        torch.save(stored, path.with_name(f"{path.name} bare.pt"))  # as most are: without a mean latent
        stored |= {"latent_avg": mean}
        if case.size <= 64:  # a training checkpoint, with its own discriminator
            critic = fill(model.Discriminator(case.size, case.multiplier))
            answers["critic"] = critic(codes("pictures", 4, 3, case.size, case.size))
            stored |= {"g": network.state_dict(), "d": critic.state_dict(), "g_optim": torch.optim.Adam(network.parameters()).state_dict()}
            stored |= {"args": argparse.Namespace(size=case.size), "ada_aug_p": 0.0}
        torch.save(stored, path.with_suffix(".pt"))
    return answers


RUNS = {
    "nvidia": (nvidia, RECORDED_NVIDIA, LIVE_NVIDIA),
    "tensorflow": (tensorflow, RECORDED_TENSORFLOW, LIVE_TENSORFLOW),
    "converted": (converted, RECORDED_CONVERTED, LIVE_CONVERTED),
}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=RUNS)
    parser.add_argument("checkout")
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, options.checkout)
    run, recorded, live = RUNS[options.kind]
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    with torch.no_grad():
        for name, case in (live if options.files else recorded).items():
            answers = run(case, options.files / name if options.files else None)
            if options.files:
                torch.save(answers, options.files / f"{name}.expected.pt")
                continue
            found[f"{options.kind}: {name}"] = {
                key: {"shape": list(tensor.shape), "values": [float(f"{value:.7g}") for value in tensor.double().flatten().tolist()]}
                for key, tensor in answers.items()
            }
    if not options.files:
        options.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
