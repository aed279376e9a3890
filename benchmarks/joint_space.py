"""What the bundled joint space knows: sounds find their pictures, prompts find their scenes, words move the scene's numbers.

    python benchmarks/joint_space.py                     # rendered candidates
    python benchmarks/joint_space.py --generated         # candidates of the generator, named by the judge (where the model has both)
    python benchmarks/joint_space.py --recordings DIR    # and which scenes are heard in real recordings

Candidates that are rendered are scenes whose class and numbers are known; sounds are of seeds that no training used. Real
recordings that the joint space was trained with are NOT held out here: `benchmarks/real_recordings.py` holds them out by source.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from sgvg_core.assembly import BUNDLED, load_generator, load_joint_space, load_judge
from sgvg_core.audio import MelSegments
from sgvg_core.clock import to_fps
from sgvg_core.embedding import JointSpace
from sgvg_core.generation import Sound, analyse_sound
from sgvg_core.generation.seeded_start import draw_z
from sgvg_core.generation.text_constraint import wanted_direction
from sgvg_core.world import KINDS, clip, render
from sgvg_core.world.codes import Code, draw_codes, read_codes
from sgvg_core.world.recordings import find_recordings

RATE = 4  # windows and pictures a second of a clip
FIRST_SEED = 800_000_000

PROMPTS: dict[str, tuple[str, ...]] = {
    "thunderstorm": (
        "thunderstorm", "lightning", "a thunderstorm at night", "lightning over the hills", "violent thunder and lightning", "thunder",
        "a bolt of lightning in the dark", "a photo of a storm with thunder", "distant lightning at dusk", "a raging thunderstorm"),
    "waterfall burbling": (
        "waterfall burbling", "a waterfall", "a waterfall in the forest", "a burbling brook by day", "a cascade in the mist", "a mountain stream",
        "a powerful waterfall", "water falling over rocks", "a calm waterfall at sunset", "a picture of a cascade under a clear sky"),
    "volcano eruption": (
        "volcano eruption", "a volcano", "an erupting volcano at night", "lava", "a lava fountain", "a violent eruption",
        "a mountain that spits lava",
        "a calm volcano at dusk", "lava flowing down a mountain", "a photo of a volcanic explosion"),
    "squishing water": (
        "squishing water", "mud", "boots in the mud", "steps in a muddy puddle", "squishing mud at noon", "a swamp", "footsteps in wet mud",
        "muddy boots in the evening", "walking through a bog", "a picture of squelching mud"),
    "wind noise": (
        "wind noise", "wind", "a strong wind", "trees in the wind", "a gentle breeze in the afternoon", "a gale over the meadow",
        "gusts in the grass", "a windy day", "a tree that bends in the wind", "a furious wind under dark clouds"),
    "fire crackling": (
        "fire crackling", "a campfire", "a campfire at night", "flames", "a bonfire", "burning logs", "a roaring fire", "a small calm fire at dusk",
        "wood that burns", "a photo of a fireplace"),
    "raining": (
        "raining", "rain", "heavy rain", "rain over a lake", "a rainy day", "light rain at night", "a downpour", "drops of rain by day",
        "a rain shower in the fog", "rainfall"),
    "underwater bubbling": (
        "underwater bubbling", "under the sea", "bubbles", "rising bubbles", "underwater", "the deep sea at night", "many bubbles under water",
        "fish under water", "a coral reef", "a calm view under the sea"),
    "splashing water": (
        "splashing water", "waves", "waves on the shore", "the sea at sunset", "strong waves against a rock", "the ocean", "surf",
        "a calm sea by day", "a wild sea", "waves breaking at night"),
}
"""Ninety fixed prompts, ten a class."""

WORDS = (("hour", "at night", "at noon"), ("envelope", "strong", "calm"), ("envelope", "violent", "gentle"),
         ("haze", "in the fog", "under a clear sky"), ("clouds", "under an overcast sky", "under a clear sky"))
"""A number of the scene, and two words of which the first should lead to more of it."""


def rendered(num: int, seed: int, size: int) -> tuple[list[Code], torch.Tensor]:
    """Candidates of the world: what they show, and pictures [N, 3, size, size] in -1..1."""
    codes = read_codes(draw_codes(seed, num))
    images = np.stack([render(code.kind, code.scene, code.envelope, code.phase, size) for code in codes])
    return codes, torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def generated(model: Path, num: int, seed: int) -> tuple[list[Code], torch.Tensor, list[str]]:
    """Candidates of the generator: what their codes say, pictures, and the judge's names for them."""
    generator, judge = load_generator(model / "generator.safetensors"), load_judge(model / "judge.safetensors")
    z = draw_z(generator, seed, num)
    images = torch.cat([generator.synthesis(generator.mapping(some), noise_mode="const") for some in z.split(8)]).clamp(-1, 1)
    names = [judge.labels[i] for some in images.split(64) for i in judge(some).logits.argmax(1).tolist()]
    return read_codes(z), images, names


@torch.no_grad()
def embed(space: JointSpace, images: torch.Tensor) -> torch.Tensor:
    """Embeddings [N, E] of pictures [N, 3, H, W]."""
    return torch.cat([space.embed_images(some) for some in images.split(64)])


def ranking(space: JointSpace, embedded: torch.Tensor, prompt: str) -> list[int]:
    """The candidates from the best to the worst for a prompt, as the text constraint ranks them."""
    with torch.no_grad():
        return (embedded @ wanted_direction(space, [(prompt, 1.0)])).argsort(descending=True).tolist()


def report_prompts(space: JointSpace, embedded: torch.Tensor, names: Sequence[str], candidates: int) -> None:
    """How many of the ninety prompts find a picture of their class, each among its own candidates."""
    right, wrong = 0, []
    prompts = [(kind, prompt) for kind, some in PROMPTS.items() for prompt in some]
    for index, (kind, prompt) in enumerate(prompts):
        rows = torch.arange(index * 7, index * 7 + candidates) % len(embedded)
        chosen = names[int(rows[ranking(space, embedded[rows], prompt)[0]])]
        right += chosen == kind
        wrong += [f"{prompt!r} -> {chosen}"] if chosen != kind else []
    print(f"prompts right ({candidates} candidates each): {right} of {len(prompts)} = {right / len(prompts):.1%}")
    print("".join(f"   {line}\n" for line in wrong), end="")


def report_words(space: JointSpace, embedded: torch.Tensor, codes: Sequence[Code], names: Sequence[str]) -> None:
    """Mean of a scene number over the three best pictures of each class for two words, and in how many classes it's the right way."""
    for number, more, less in WORDS:
        means = []
        for kind in KINDS:
            rows = [i for i, name in enumerate(names) if name == kind]
            values = [code.envelope if number == "envelope" else getattr(code.scene, number) for code in (codes[i] for i in rows)]
            texts = [f"{word} {kind}" if number == "envelope" else f"{kind} {word}" for word in (more, less)]
            means.append([float(np.mean([values[i] for i in ranking(space, embedded[rows], text)[:3]])) for text in texts])
        first, second = np.array(means).T
        print(f"{number:9s} {more!r} {first.mean():.2f}   {less!r} {second.mean():.2f}   right way in {int((first > second).sum())} of 9")


@torch.no_grad()
def log_mel_windows(space: JointSpace, sound: Sound, seconds: float) -> torch.Tensor:
    """Embeddings [S, E] of the windows of a sound, `RATE` a second."""
    heard = analyse_sound(sound, space.mel)
    segments = MelSegments(lambda: heard.sound.mono_chunks(space.mel.sample_rate), space.mel, heard.level, rate=to_fps(RATE),
                           num_segments=max(1, round(seconds * RATE)))
    return torch.cat([space.embed_sounds(some) for some in segments])


@torch.no_grad()
def report_clips(space: JointSpace, num: int, seconds: float, size: int) -> None:
    """Sound -> clip retrieval among `num` clips, the label that each sound gets, and how the embeddings follow the envelope."""
    sounds, films, kinds, envelopes = [], [], [], []
    for index in range(num):
        kind = KINDS[index % len(KINDS)]
        made = clip(kind, FIRST_SEED + index, seconds, RATE, size)
        films.append(embed(space, torch.from_numpy(made.frames).permute(0, 3, 1, 2).float() / 127.5 - 1))
        sounds.append(log_mel_windows(space, Sound.from_waveform(torch.from_numpy(made.waveform)[None], made.sample_rate), seconds))
        kinds.append(index % len(KINDS))
        envelopes.append(made.envelope)
    heard, seen, truth = torch.stack(sounds), torch.stack(films), torch.arange(num)
    means = torch.nn.functional.normalize(heard.mean(1), dim=1) @ torch.nn.functional.normalize(seen.mean(1), dim=1).T
    in_time = torch.einsum("ite,jte->ij", heard, seen)
    for name, scores in (("mean embeddings", means), ("moment by moment", in_time)):
        print(f"sound -> clip among {num}, {name}: R@1 {(scores.argmax(1) == truth).float().mean():.1%}, class right "
              f"{np.mean([kinds[i] == kinds[j] for i, j in enumerate(scores.argmax(1).tolist())]):.1%}")
    labels = space.embed_texts(KINDS)
    named = (heard @ labels.T * space.logit_scale).softmax(-1).mean(1).argmax(1)
    print(f"synthesised sounds named rightly: {(named == torch.tensor(kinds)).float().mean():.1%}")
    for name, embedded in (("sound", heard), ("picture", seen)):
        found = []
        for index, kind in enumerate(kinds):
            strong, calm = (space.embed_texts([f"{word} {KINDS[kind]}" for word in words]).mean(0)
                            for words in (("strong", "violent"), ("calm", "gentle")))
            found.append(np.corrcoef((embedded[index] @ (strong - calm)).numpy(), envelopes[index])[0, 1])
        each = [float(np.median([value for value, kind in zip(found, kinds, strict=True) if kind == k])) for k in range(len(KINDS))]
        print(f"{name}: 'strong' less 'calm' against the envelope: median r {np.median(found):.2f}, by class " + " ".join(f"{r:.2f}" for r in each))


@torch.no_grad()
def report_recordings(space: JointSpace, folder: Path) -> None:
    """Balanced accuracy over the real recordings of a folder."""
    labels, found = space.embed_texts(KINDS), {}
    for kind, path in find_recordings(folder):
        sound = Sound.from_file(path)
        heard = log_mel_windows(space, sound, float(analyse_sound(sound, space.mel).duration))
        named = KINDS[int((heard @ labels.T * space.logit_scale).softmax(-1).mean(0).argmax())]
        found.setdefault(kind, []).append(named)
    for kind, names in found.items():
        print(f"   {kind:20s} {names.count(kind)} of {len(names)}   " + ", ".join(sorted(set(names) - {kind})))
    print(f"real recordings (not held out), balanced: {np.mean([names.count(kind) / len(names) for kind, names in found.items()]):.1%}")


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=BUNDLED, help="a model folder")
    parser.add_argument("--generated", action="store_true", help="candidates of the generator instead of rendered ones")
    parser.add_argument("--recordings", type=Path, help="a folder of real recordings, DIR/<scene>/*")
    parser.add_argument("--pool", type=int, default=720, help="candidates in all")
    parser.add_argument("--candidates", type=int, default=96, help="candidates a prompt")
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--size", type=int, default=128, help="side of rendered pictures")
    arguments = parser.parse_args()
    space = load_joint_space(arguments.model / "joint_space.safetensors")
    if arguments.generated:
        codes, images, names = generated(arguments.model, arguments.pool, FIRST_SEED)
        print(f"generator: the judge names {np.mean([code.kind == name for code, name in zip(codes, names, strict=True)]):.1%} as their codes do")
    else:
        codes, images = rendered(arguments.pool, FIRST_SEED, arguments.size)
        names = [code.kind for code in codes]
    embedded = embed(space, images)
    report_prompts(space, embedded, names, arguments.candidates)
    report_words(space, embedded, codes, names)
    print(f"words that no caption held: {', '.join(space.unknown_words([p for some in PROMPTS.values() for p in some])) or 'none'}")
    if not arguments.generated:
        report_clips(space, arguments.clips, arguments.seconds, arguments.size)
    if arguments.recordings:
        report_recordings(space, arguments.recordings)


if __name__ == "__main__":
    with torch.inference_mode():
        main()
