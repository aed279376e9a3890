"""A second synthesiser of six scenes, for testing only: no training hears it, and it shares no line with the world's.

The world's synthesiser shapes noise in the frequency domain; this one works in time, from single events: drops are damped modes, bubbles
are Minnaert's (The Musical Air-Bubbles, 1933), thunder is a sum of N-waves from the parts of a crooked channel (Few, 1969), wind is noise
through a band-pass that wanders, fire is clicks over a leaky integral, waves are breakers that come one by one.
"""

import math

import torch
from filters import bandpass_biquad, highpass_biquad, lfilter, lowpass_biquad

RATE = 22_050


def _uniform(rng: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=rng))


def _white(rng: torch.Generator, num: int) -> torch.Tensor:
    return torch.randn(num, generator=rng)


def _pink(rng: torch.Generator, num: int) -> torch.Tensor:
    """Noise of -3 dB an octave: the mean of noises that are held for 1, 2, 4, ... samples."""
    rows = [_white(rng, -(-num // hold)).repeat_interleave(hold)[:num] for hold in (2**i for i in range(14))]
    return torch.stack(rows).mean(0) * 3


def _leaky(wave: torch.Tensor, keep: float) -> torch.Tensor:
    """A leaky integral, at unit RMS."""
    out = lfilter(wave, torch.tensor([1.0, -keep]), torch.tensor([1.0, 0.0]), clamp=False)
    return out / (out.square().mean().sqrt() + 1e-9)


def _moments(rng: torch.Generator, num: int, per_second: float, strength: torch.Tensor) -> torch.Tensor:
    """Random samples, `per_second` of them where the strength [num] is one."""
    at = torch.randint(num, (max(1, int(per_second * num / RATE)),), generator=rng)
    return at[torch.rand(len(at), generator=rng) < strength[at]]


def _place(num: int, at: torch.Tensor, sounds: list[torch.Tensor]) -> torch.Tensor:
    """Short sounds added up at their samples."""
    out = torch.zeros(num)
    for first, sound in zip(at.tolist(), sounds, strict=True):
        part = sound[: num - first]
        out[first : first + len(part)] += part
    return out


def _drift(rng: torch.Generator, num: int, seconds: float) -> torch.Tensor:
    """A slow random course [num] around nought, about one high, that forgets itself in so many seconds (Ornstein and Uhlenbeck)."""
    steps = max(4, int(num / RATE * 50))
    keep = math.exp(-1 / (50 * seconds))
    course, value = [], 0.0
    for noise in torch.randn(steps, generator=rng).tolist():
        value = keep * value + math.sqrt(1 - keep * keep) * noise
        course.append(value)
    return torch.nn.functional.interpolate(torch.tensor(course)[None, None], num, mode="linear", align_corners=True)[0, 0]


def raining(rng: torch.Generator, strength: torch.Tensor) -> torch.Tensor:
    """Far drops are pink hiss; near ones ring in two damped modes each."""
    num = len(strength)
    at = _moments(rng, num, _uniform(rng, 150, 500), 0.2 + 0.8 * strength)
    time, drops = torch.arange(RATE // 60) / RATE, []
    for _ in range(len(at)):
        first, second = _uniform(rng, 900, 4000), _uniform(rng, 2500, 8000)
        fade = torch.exp(-time / _uniform(rng, 0.0007, 0.003))
        loud = 10 ** (_uniform(rng, -22, 0) / 20)
        drops.append(loud * fade * ((2 * math.pi * first * time).sin() + 0.6 * (2 * math.pi * second * time).sin()))
    hiss = highpass_biquad(_pink(rng, num), RATE, _uniform(rng, 500, 1500))
    return 0.12 * hiss / hiss.std() * (0.4 + 0.6 * strength) + _uniform(rng, 0.3, 1.0) * _place(num, at, drops)


def fire_crackling(rng: torch.Generator, strength: torch.Tensor) -> torch.Tensor:
    """Clicks of all sizes, some in flurries, over the low breath of the flames."""
    num = len(strength)
    flurry = (_drift(rng, num, 0.15) > 0.3).float() * 0.8 + 0.2
    at = _moments(rng, num, _uniform(rng, 20, 70), flurry * (0.15 + 0.85 * strength))
    clicks = []
    for _ in range(len(at)):
        length = int(RATE * _uniform(rng, 0.002, 0.012))
        loud = min(4.0, 0.08 * _uniform(rng, 0.02, 1) ** -0.8)  # few loud ones among many faint
        clicks.append(loud * _white(rng, length) * torch.exp(-torch.arange(length) / (length / 5)))
    crackle = highpass_biquad(_place(num, at, clicks), RATE, _uniform(rng, 600, 2000))
    return crackle + _uniform(rng, 0.02, 0.08) * _leaky(_white(rng, num), 0.97) * (0.3 + 0.7 * strength)


def wind_noise(rng: torch.Generator, strength: torch.Tensor) -> torch.Tensor:
    """White noise through two wandering band-passes, cut into short pieces that overlap."""
    num, hop = len(strength), RATE // 40
    source, out = _white(rng, num + 4 * hop), torch.zeros(num + 4 * hop)
    centre = 2.0 ** (_uniform(rng, 7.3, 8.5) + 0.35 * _drift(rng, num, 0.8) + 0.9 * strength)
    window = torch.hann_window(4 * hop)
    for first in range(0, num, hop):
        piece, hertz = source[first : first + 4 * hop], float(centre[first].clamp(40, 4000))
        howl = bandpass_biquad(bandpass_biquad(piece, RATE, hertz, 1.2), RATE, hertz, 1.2) + 0.5 * bandpass_biquad(piece, RATE, hertz / 3, 0.8)
        out[first : first + 4 * hop] += window * howl
    gust = 0.15 + 0.85 * strength**1.2
    return gust * (out[:num] / out.std() + _uniform(rng, 0.7, 2.5) * _leaky(_white(rng, num), 0.99))  # turbulence is strongest where it's low


def underwater_bubbling(rng: torch.Generator, strength: torch.Tensor) -> torch.Tensor:
    """Bubbles that rise one after another, their pitch climbing; nothing high comes through the water."""
    num = len(strength)
    at = _moments(rng, num, _uniform(rng, 15, 45), 0.1 + 0.9 * strength)
    time, bubbles = torch.arange(RATE // 5) / RATE, []
    for _ in range(len(at)):
        hertz = 3.26 / _uniform(rng, 0.0035, 0.016)  # of a bubble's radius in metres
        climb = 1 + _uniform(rng, 0.5, 4) * time
        fade = torch.exp(-time / _uniform(rng, 0.02, 0.06)) * (time / 0.003).clamp(max=1)
        bubbles.append(10 ** (_uniform(rng, -14, 0) / 20) * fade * (2 * math.pi * hertz * climb * time).sin())
    rumble = _leaky(_white(rng, num), 0.99)
    return lowpass_biquad(_place(num, at, bubbles) + 0.05 * rumble, RATE, _uniform(rng, 900, 1800))


def splashing_water(rng: torch.Generator, strength: torch.Tensor) -> torch.Tensor:
    """Breakers: noise that swells dull, breaks bright and runs out, over the murmur of the sea."""
    num = len(strength)
    bright = lowpass_biquad(_pink(rng, num), RATE, _uniform(rng, 5000, 9000))
    dull = lowpass_biquad(_pink(rng, num), RATE, _uniform(rng, 400, 900))
    return dull / dull.std() * (0.15 + 0.5 * strength**0.7) + bright / bright.std() * strength**1.6 * _uniform(rng, 0.4, 0.9)


def thunderstorm(rng: torch.Generator, strength: torch.Tensor) -> torch.Tensor:
    """N-waves from the parts of a crooked channel, the far ones later, longer, fainter and duller; they set in where the strength leaps up."""
    num = len(strength)
    near = _uniform(rng, 400, 2500)  # what the air leaves of the nearest part, in hertz
    out = 0.03 * _leaky(_white(rng, num), 0.98) + _uniform(rng, 0.002, 0.01) * _white(rng, num)
    hop = RATE // 20
    for index in torch.nonzero(strength[::hop].diff() > 0.12)[:, 0].tolist():
        first = index * hop
        peak = float(strength[first : first + RATE // 2].max())
        for _ in range(int(_uniform(rng, 40, 90))):
            late = _uniform(rng, 0, 1) ** 1.7 * _uniform(rng, 0.8, 2.2)
            length = int(RATE * _uniform(rng, 0.004, 0.02) * (1 + 2 * late))
            wave = torch.linspace(1, -1, max(8, length)) * peak * math.exp(-1.6 * late) * _uniform(rng, 0.1, 1)
            start = first + int(late * RATE)
            dull = lowpass_biquad(torch.nn.functional.pad(wave, (0, RATE // 20)), RATE, near / (1 + 2 * late))
            part = dull[: max(0, num - start)]
            out[start : start + len(part)] += part
    return out / (out.abs().max() + 1e-9)


SCENES = {
    "raining": raining,
    "fire crackling": fire_crackling,
    "wind noise": wind_noise,
    "underwater bubbling": underwater_bubbling,
    "splashing water": splashing_water,
    "thunderstorm": thunderstorm,
}


def synthesise(scene: str, seed: int, strength: torch.Tensor) -> torch.Tensor:
    """The sound of a scene, float32 [N] at 22,050 Hz, peak 0.5, for a strength [N] in 0..1."""
    wave = SCENES[scene](torch.Generator().manual_seed(seed), strength)
    return 0.5 * wave / (wave.abs().max() + 1e-9)
