"""Run NVIDIA's StyleGAN3 on the cases of `stylegan3_cases` and write its latents and pictures as numbers.

    python tests/parity/record_stylegan3.py CHECKOUT OUT.json|OUT.pt [--all] [--files]

CHECKOUT is a checkout of https://github.com/NVlabs/stylegan3; it needs scipy. Without --all only the small cases are run, those that
the tests keep (tests/parity/stylegan3_reference.json). With --files each network also lies beside OUT, as a pickle like those of their
training loop and as a bare table of tensors. Their plain operations (impl "ref") are used, as on every CPU.
"""

import argparse
import importlib.util
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]


def _core() -> None:
    """`sgvg_core`, of which only the defaults of the schedule are taken, without the pack's root on the search path."""
    folder = ROOT / "sgvg_core"
    spec = importlib.util.spec_from_file_location("sgvg_core", folder / "__init__.py", submodule_search_locations=[str(folder)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["sgvg_core"] = module
    spec.loader.exec_module(module)


def build(generator_class: Any, case: Any) -> Any:
    """Their network of a case, with the weights by formula."""
    from stylegan3_cases import TRANSFORM, weights3

    radial = {"conv_kernel": 1, "use_radial_filters": True} if case.radial else {}
    network = generator_class(
        case.z_dim,
        case.c_dim,
        case.w_dim,
        case.resolution,
        case.img_channels,
        mapping_kwargs={"num_layers": case.mapping_layers},
        channel_base=case.base,
        channel_max=case.widest,
        num_layers=case.layers,
        num_critical=case.critical,
        first_cutoff=case.first_cutoff,
        first_stopband=case.first_stopband,
        last_stopband_rel=case.last_stopband_rel,
        margin_size=case.margin,
        output_scale=case.output_scale,
        filter_size=case.filter_size,
        lrelu_upsampling=case.upsampling,
        conv_clamp=case.clamp,
        **radial,
    ).eval()
    network.load_state_dict(weights3({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}), strict=False)
    if case.moved:
        network.synthesis.input.transform.copy_(TRANSFORM)
    if case.anchor == "released":  # what the released sound-to-video code does to its generator
        affine = network.synthesis.input.affine
        affine.bias.add_(affine(network.mapping.w_avg[None])[0])
        affine.weight.zero_()
    return network


def latents_and_images(network: Any, case: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Their latents [N, L, D] and pictures [N, C, H, W] of a case."""
    from stylegan3_cases import codes3

    z, c = codes3(case)
    ws = network.mapping(z, c, truncation_psi=case.psi, truncation_cutoff=case.cutoff)
    return ws, network.synthesis(ws)


def save_files(network: Any, folder: Path, number: int) -> None:
    """The network as NVIDIA's training loop writes it, and as a bare table of tensors."""
    snapshot = {"G": None, "D": None, "G_ema": network, "augment_pipe": None, "training_set_kwargs": {"resolution": network.img_resolution}}
    with (folder / f"{number}.pkl").open("wb") as file:
        pickle.dump(snapshot, file)
    torch.save(network.state_dict(), folder / f"{number}.pt")


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout")
    parser.add_argument("out", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--files", action="store_true")
    options = parser.parse_args()
    _core()
    from stylegan3_cases import LIVE3, RECORDED3

    sys.path.insert(0, options.checkout)
    from training.networks_stylegan3 import Generator

    found: dict[str, Any] = {}
    with torch.no_grad():
        for number, (name, case) in enumerate((LIVE3 if options.all else RECORDED3).items()):
            network = build(Generator, case)
            found[name] = latents_and_images(network, case)
            if options.files and case.anchor == "none":
                save_files(network, options.out.parent, number)
    if options.out.suffix == ".pt":
        torch.save(found, options.out)
        return
    plain = {
        name: {
            "ws": [float(f"{value:.7g}") for value in ws[:, [0, -1]].double().flatten().tolist()],  # the first and the last: drawn in and not
            "shape": list(images.shape),
            "values": [float(f"{value:.7g}") for value in images.double().flatten().tolist()],
        }
        for name, (ws, images) in found.items()
    }
    options.out.write_text(json.dumps(plain, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
