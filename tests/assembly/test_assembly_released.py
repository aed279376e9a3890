"""Files of the released code from disk to a film: encoder, blocks, folder, the layer adapter, our own files made of them."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from released_files import SMALL_WIDTHS, block_shapes, filled, numbers, sound_encoder_shapes, sound_tower_shapes

from sgvg_core import assembly
from sgvg_core.assembly import compose_model, files, load_model, load_sound_encoder, load_sound_tower, load_walker
from sgvg_core.audio import released_log_mel
from sgvg_core.config import MelConfig, ReleasedBlockConfig, ReleasedSoundConfig, ReleasedWalkerConfig
from sgvg_core.errors import CheckpointError, ConfigError
from sgvg_core.generation import Sound, Walk, analyse_sound, generate
from sgvg_core.latents import LatentAxis, layer_map, map_latents
from sgvg_core.presets import TINY
from sgvg_core.sound_inversion import AdaptedSoundEncoder, ReleasedSoundEncoder
from sgvg_core.synthesis import StyleGAN2Generator, StyleGAN3Generator
from sgvg_core.walker import RELEASED_WALK, AdaptedWalker, ReleasedWalker

D = SMALL_WIDTHS[3]
BLOCKS = {"coarse": 4, "mid": 4, "fine": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five files of a release, narrow: heads of maps, one block without its extra layer, F_a."""
    folder = tmp_path_factory.mktemp("released")
    shapes = sound_encoder_shapes(num_ws=16, widths=SMALL_WIDTHS, halvings=1)
    torch.save(filled(shapes), folder / "audio_inversion_.pth")
    for name, size in BLOCKS.items():
        torch.save(filled(block_shapes(size, D, noise_fc=name != "mid"), seed=size + len(name)), folder / f"{name}former_.pth")
    return folder


@pytest.fixture(scope="module")
def stylegan3() -> StyleGAN3Generator:
    torch.manual_seed(2)
    generator = StyleGAN3Generator(32, (4,) * 14, z_dim=8, w_dim=D).eval().requires_grad_(False)
    generator.w_avg.copy_(0.3 * numbers("w_avg", D))
    return generator


@pytest.fixture(scope="module")
def stylegan2() -> StyleGAN2Generator:
    torch.manual_seed(3)
    generator = StyleGAN2Generator(64, (8, 8, 8, 8, 8), z_dim=8, w_dim=D, mapping_layers=2).eval().requires_grad_(False)
    generator.w_avg.copy_(0.3 * numbers("w_avg", D))
    return generator


@pytest.fixture(scope="module")
def sound() -> Sound:
    return Sound.from_waveform(0.3 * numbers("sound", 1, 22_050) * torch.linspace(0.1, 1, 22_050), 44_100)


def released_loop(encoder: ReleasedSoundEncoder, walker: ReleasedWalker, image: torch.Tensor, num_images: int) -> torch.Tensor:
    """The released film's latents, written down from its rule."""
    w, hidden, shown = encoder(image), {}, []
    for _ in range(num_images):
        shown.append(w)
        step, hidden = walker(w, torch.zeros_like(w), hidden)
        w = 0.4 * (w + step) + 0.6 * w
    return torch.cat(shown)


@pytest.mark.slow
@torch.no_grad()
def test_a_released_set_walks_as_the_released_code(folder: Path, stylegan3: StyleGAN3Generator, sound: Sound) -> None:
    """On the generator it was made for, from the mean latent, at a step a picture."""
    encoder, mel = load_sound_encoder(folder / "audio_inversion_.pth")
    model = compose_model(stylegan3, folder / "audio_inversion_.pth", folder)
    assert isinstance(encoder, ReleasedSoundEncoder)
    assert isinstance(model.walker, ReleasedWalker)
    assert mel == MelConfig(resized_mels=32, resized_frames=32)
    heard = analyse_sound(sound, model.mel)
    start = stylegan3.w_avg.expand(1, 16, -1)
    walk = Walk(heard, model.sound_encoder, model.walker, start, Fraction(10), RELEASED_WALK)
    ours = torch.cat(list(walk))
    image = released_log_mel(torch.cat(list(sound.mono_chunks(44_100)), -1).reshape(1, -1), mel)
    theirs = released_loop(encoder, model.walker, image, len(ours))
    assert len(ours) == walk.num_frames == 5
    assert (theirs[-1] - theirs[0]).abs().max() > 0.05 * theirs.std()
    torch.testing.assert_close(ours, theirs, atol=2e-5 * float(theirs.max() - theirs.min()), rtol=0)
    assert torch.equal(ours, torch.cat(list(walk)))


@pytest.mark.slow
@pytest.mark.parametrize("heads", ["map", "transformer"])
def test_a_released_folder_makes_a_film(heads: str, folder: Path, sound: Sound, tmp_path: Path) -> None:
    """The same pipeline as for our own models; the 8 latents of the small generator are driven through the layer adapter."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    if heads == "transformer":
        shapes = sound_encoder_shapes("transformer", widths=SMALL_WIDTHS, inner=32)
        encoder = assembly.build_released_sound_encoder(ReleasedSoundConfig("transformer", 16, D, 32, widths=SMALL_WIDTHS, transformer_width=32))
        state = files.read_stored(_saved(filled(shapes), tmp_path / "foreign.pth"), "released_sound_encoder").state
        encoder.load_state_dict(state)
        (tmp_path / "audio_inversion_.pth").unlink()
        (tmp_path / "foreign.pth").unlink()
        config = ReleasedSoundConfig("transformer", 16, D, 32, widths=SMALL_WIDTHS, transformer_width=32)
        assembly.save_released_sound_encoder(tmp_path / "sound_encoder.safetensors", encoder, config)
    torch.manual_seed(4)
    assembly.save_generator(tmp_path / "generator.safetensors", assembly.build_generator(TINY.generator), TINY.generator)
    model = load_model(tmp_path, "cpu")
    assert isinstance(model.sound_encoder, AdaptedSoundEncoder)
    assert isinstance(model.walker, AdaptedWalker)
    assert (model.sound_encoder.num_ws, model.walker.num_ws) == (8, 8)
    video = generate(sound, tmp_path / "film.mp4", model=model, start_from="mean", walk=RELEASED_WALK, fps=Fraction(10))
    assert video.num_frames == 5
    assert (tmp_path / "film.mp4").stat().st_size > 500
    assert video.sheet.float().std() > 1


def _saved(state: dict[str, torch.Tensor], path: Path) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.slow
@torch.no_grad()
def test_coarse_latents_of_sixteen_drive_coarse_latents_of_ten(folder: Path, stylegan2: StyleGAN2Generator) -> None:
    """With mid and fine steps held, only latents of the target's coarse group move; the encoder's answers go by layer too."""
    walker, encoder = load_walker(folder), load_sound_encoder(folder / "audio_inversion_.pth")[0]
    fitted = assembly.adapt_walker(walker, stylegan2)
    axes = LatentAxis("stylegan3", 256, 16), LatentAxis.of_stylegan2(10)
    assert fitted.slices == {"coarse": slice(0, 3), "mid": slice(3, 7), "fine": slice(7, 10)}
    ws, silence = numbers("ws", 1, 10, D), torch.zeros(1, 10, D)
    step, _ = fitted(ws, silence, {})
    lifted = map_latents(ws, layer_map(axes[1], axes[0]))
    theirs, _ = walker(lifted, torch.zeros(1, 16, D), {})
    torch.testing.assert_close(step, map_latents(theirs, layer_map(*axes)))
    image = numbers("picture", 1, 1, 32, 32) / 4 + 0.5
    offset = assembly.adapt_sound_encoder(encoder, stylegan2)(image)
    torch.testing.assert_close(offset + stylegan2.w_avg, map_latents(encoder(image), layer_map(*axes)), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_ours_drive_sixteen_latents_too(stylegan3: StyleGAN3Generator) -> None:
    """The way back: an encoder and a walker made for the 8 latents of a small StyleGAN2 on a StyleGAN3."""
    torch.manual_seed(5)
    encoder, walker = assembly.build_sound_encoder(TINY.sound_encoder).eval(), assembly.build_walker(TINY.walker).eval()
    fitted = assembly.adapt_sound_encoder(encoder, stylegan3)
    image = numbers("picture", 2, 1, 64, 64) / 4 + 0.5
    matrix = layer_map(LatentAxis.of_stylegan2(8), LatentAxis("stylegan3", 32, 16))
    torch.testing.assert_close(fitted(image), map_latents(encoder(image), matrix))
    step, hidden = assembly.adapt_walker(walker, stylegan3)(numbers("ws", 1, 16, D), torch.zeros(1, 16, D), {})
    assert step.shape == (1, 16, D)
    assert set(hidden) == {"coarse", "mid", "fine"}


def test_blocks_are_told_by_their_names_or_their_order(folder: Path, tmp_path: Path) -> None:
    paths = [folder / f"{name}former_.pth" for name in ("fine", "coarse", "mid")]
    by_name, by_folder = load_walker(paths), load_walker(folder)
    assert all(torch.equal(a, b) for a, b in zip(by_name.state_dict().values(), by_folder.state_dict().values(), strict=True))
    for letter, name in zip("abc", BLOCKS, strict=True):
        (tmp_path / f"{letter}.pth").write_bytes((folder / f"{name}former_.pth").read_bytes())
    by_order = load_walker([tmp_path / f"{letter}.pth" for letter in "abc"])
    assert torch.equal(by_order.blocks["mid"].fc.bias, by_folder.blocks["mid"].fc.bias)
    with pytest.raises(CheckpointError, match="a walk needs three; give all of coarse, mid and fine"):
        load_walker(folder / "midformer_.pth")
    with pytest.raises(CheckpointError, match="got 2 files, expected the three recurrent blocks"):
        load_walker(paths[:2])
    with pytest.raises(CheckpointError, match="got 0 named coarse, 0 named mid, 0 named fine"):
        load_walker(tmp_path)
    with pytest.raises(CheckpointError, match=r"got a sound encoder of the released code .*expected one recurrent block"):
        load_walker([*paths[:2], folder / "audio_inversion_.pth"])


@pytest.mark.slow
def test_released_networks_come_back_from_files_of_ours(folder: Path, tmp_path: Path) -> None:
    encoder, _ = load_sound_encoder(folder / "audio_inversion_.pth")
    config = ReleasedSoundConfig(w_dim=D, log_mel_size=32, widths=SMALL_WIDTHS)
    assembly.save_released_sound_encoder(tmp_path / "e.safetensors", encoder, config, half=False)
    again, mel = load_sound_encoder(tmp_path / "e.safetensors")
    assert mel.resized_mels == 32
    assert all(torch.equal(a, b) for a, b in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True))
    walker = load_walker(folder)
    blocks = [ReleasedBlockConfig(size, D, D, noise_fc=name != "mid") for name, size in BLOCKS.items()]
    assembly.save_released_walker(tmp_path / "w.safetensors", walker, ReleasedWalkerConfig(*blocks), half=False)
    again_walker = load_walker(tmp_path / "w.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(walker.state_dict().values(), again_walker.state_dict().values(), strict=True))


def test_the_sound_tower_from_its_file(tmp_path: Path) -> None:
    widths = (8, 12, 16, 20)
    path = _saved(filled(sound_tower_shapes(widths, 10, prefix="module.")), tmp_path / "resnet18_57.pth")
    embedded = load_sound_tower(path).embed_sounds(numbers("picture", 2, 1, 128, 512))
    assert embedded.shape == (2, 10)
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))


def test_parts_of_another_width_are_refused(folder: Path) -> None:
    generator = StyleGAN2Generator(16, (4, 4, 4), z_dim=4, w_dim=7, mapping_layers=1)
    with pytest.raises(ConfigError, match="made for latents of 24 numbers, but the generator takes 7"):
        compose_model(generator, folder / "audio_inversion_.pth", folder)


@pytest.mark.slow
def test_a_damaged_file_names_what_is_missing(folder: Path, tmp_path: Path) -> None:
    state = torch.load(folder / "audio_inversion_.pth", weights_only=True)
    del state["module.encoder.styles.5.convs.0.bias"]
    with pytest.raises(CheckpointError, match=r"missing 1 \(heads.5.convs.0.bias\)"):
        load_sound_encoder(_saved(state, tmp_path / "damaged.pth"))
