"""The walker against its equations, worked out step by step with plain matrices: scale, centre, pull, recurrence, strengths."""

import itertools
import math

import pytest
import torch

from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.walker import (
    DEFAULT_PULL,
    RELEASED_WALK,
    AdaptedWalker,
    Clock,
    RecurrentWalker,
    ReleasedBlock,
    ReleasedWalker,
    WalkSettings,
    WalkState,
    roll_out,
    take_step,
)

L, D, HIDDEN = 8, 6, 10
PARTS = {"coarse": slice(0, 3), "mid": slice(3, 6), "fine": slice(6, 8)}


def numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[(1, False), (2, False), (1, True)], ids=["one layer", "two layers", "a clock"])
def walker(request: pytest.FixtureRequest) -> RecurrentWalker:
    """A walker whose centre isn't 0 and whose scale isn't 1."""
    torch.manual_seed(1)
    num_layers, clock = request.param
    walker = RecurrentWalker(num_ws=L, w_dim=D, bounds=(3, 6), hidden=HIDDEN, num_layers=num_layers, walk_rate=10.0, clock=clock).eval()
    walker.centre.copy_(numbers(2, D))
    walker.scale.fill_(0.3)
    if clock:
        walker.clock.circle[-1].weight.data = numbers(11, 2 * D, 2 * HIDDEN)
        walker.clock.circle[-1].bias.data = numbers(12, 2 * D)
    return walker.requires_grad_(False)


def silu(x: torch.Tensor) -> torch.Tensor:
    return x / (1 + (-x).exp())


def dense(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("oi,bi->bo", layer.weight, x) + layer.bias


def gru(cells: torch.nn.GRU, x: torch.Tensor, h: torch.Tensor, layer: int, end: str = "") -> torch.Tensor:
    """One step of one layer (Cho et al. 2014): the next hidden state [B, hidden]."""
    own = {name: getattr(cells, f"{name}_l{layer}{end}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    into = (x @ own["weight_ih"].T + own["bias_ih"]).chunk(3, 1)
    back = (h @ own["weight_hh"].T + own["bias_hh"]).chunk(3, 1)
    reset, keep = torch.sigmoid(into[0] + back[0]), torch.sigmoid(into[1] + back[1])
    new = torch.tanh(into[2] + reset * back[2])
    return (1 - keep) * new + keep * h


def steps_by_hand(walker: RecurrentWalker, ws: torch.Tensor, audio: torch.Tensor, hidden: dict[str, torch.Tensor]) -> torch.Tensor:
    """Eq. 4: each block sees the sum of where its own latents stand and what is heard, and the two means apart. `hidden` is changed.

    A clock begins where the start says, turns as the means say, is seen by all blocks, and leads all latents along its circle.
    """
    stands, sounds = (ws - walker.centre) / walker.scale, audio / walker.scale
    means = [stands.mean(1), sounds.mean(1)]
    if walker.clock is not None:
        pair = dense(walker.clock.begin[2], silu(dense(walker.clock.begin[0], means[0])))
        speed = torch.sigmoid(dense(walker.clock.speed[2], silu(dense(walker.clock.speed[0], torch.cat(means, 1)))))
        before = hidden["clock"][0] if "clock" in hidden else torch.atan2(pair[:, 1:], pair[:, :1]) / (2 * math.pi)
        turns = before + speed / 10.0
        hidden["clock"] = turns[None]
        inner, entered = walker.clock.circle[2], silu(dense(walker.clock.circle[0], means[0]))
        cosine, sine = dense(walker.clock.circle[4], silu(dense(inner, entered))).chunk(2, 1)
        was, angle = 2 * math.pi * before, 2 * math.pi * turns
        around = ((torch.cos(angle) - torch.cos(was)) * cosine + (torch.sin(angle) - torch.sin(was)) * sine)[:, None] * walker.scale
        means += [torch.cos(angle), torch.sin(angle)]
    found = torch.zeros_like(ws)
    for name, part in PARTS.items():
        block = walker.blocks[name]
        entered = silu(dense(block.enter[2], silu(dense(block.enter[0], torch.cat([(stands + sounds)[:, part].flatten(1), *means], 1)))))
        x, after = entered, []
        for layer, h in enumerate(hidden.get(name, torch.zeros(block.num_layers, len(ws), HIDDEN))):
            x = gru(block.recur, x, h, layer)
            after.append(x)
        hidden[name] = torch.stack(after)
        found[:, part] = dense(block.leave[2], silu(dense(block.leave[0], torch.cat([x, entered], 1)))).unflatten(1, (-1, D)) * walker.scale
    return found if walker.clock is None else found + around


def test_a_step_is_eq_4_with_centre_scale_and_memory(walker: RecurrentWalker) -> None:
    ws, sounds, hidden, own = numbers(3, 2, L, D), numbers(4, 3, 2, L, D), {}, {}
    for audio in sounds:
        step, hidden = walker(ws, audio, hidden)
        torch.testing.assert_close(step, steps_by_hand(walker, ws, audio, own), atol=1e-5, rtol=1e-4)
        for name in PARTS:
            torch.testing.assert_close(hidden[name], own[name], atol=1e-5, rtol=1e-4)
        ws = ws + step
    assert step.abs().max() > 1e-2


def test_a_clock_turns_on_whatever_the_latents_do_and_whole_turns_are_none() -> None:
    torch.manual_seed(1)
    walker = RecurrentWalker(num_ws=L, w_dim=D, hidden=HIDDEN, walk_rate=4.0, clock=True).requires_grad_(False)
    walker.clock.speed[2].weight.zero_()
    walker.clock.speed[2].bias.fill_(math.log(0.3 / 0.7))  # 0.3 turns a second
    hidden = {"clock": torch.tensor([[[0.2], [0.95]]])}
    for step in range(1, 6):
        _, hidden = walker(numbers(3, 2, L, D), numbers(step, 2, L, D), hidden)
        turns = hidden["clock"].flatten() % 1
        assert turns.tolist() == pytest.approx([(0.2 + 0.075 * step) % 1, (0.95 + 0.075 * step) % 1], abs=1e-5)
    one = walker(numbers(3, 2, L, D), numbers(4, 2, L, D), {"clock": torch.tensor([[[0.2], [0.95]]])})[0]
    other = walker(numbers(3, 2, L, D), numbers(4, 2, L, D), {"clock": torch.tensor([[[3.2], [-1.05]]])})[0]
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    turned = walker(numbers(3, 2, L, D), numbers(4, 2, L, D), {"clock": torch.tensor([[[0.7], [0.45]]])})[0]
    assert (turned - one).abs().max() > 1e-2


def test_a_clock_leads_round_the_circle_of_the_place_and_back() -> None:
    """Around one place: a quarter from 0 takes away the cosine and brings the sine; a whole turn in any steps is no way at all."""
    torch.manual_seed(1)
    clock = Clock(D, HIDDEN).requires_grad_(False)
    clock.circle[-1].weight.copy_(numbers(11, 2 * D, 2 * HIDDEN))
    place, no = numbers(3, 2, D), torch.zeros(2)
    cosine, sine = clock.circle(place).chunk(2, 1)
    torch.testing.assert_close(clock.way(place, no, no + 0.25), sine - cosine, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(clock.way(place, no + 0.25, no + 0.75), -2 * sine, atol=1e-5, rtol=1e-4)
    turns = torch.tensor([[0.1, 0.3], [0.4, 0.35], [0.8, 0.4], [1.1, 1.3]])
    ways = [clock.way(place, one, other) for one, other in itertools.pairwise(turns)]
    torch.testing.assert_close(sum(ways), torch.zeros(2, D), atol=1e-4, rtol=0)


def test_a_walk_is_eq_6_with_strength_share_and_pull(walker: RecurrentWalker) -> None:
    start, sounds = numbers(5, 1, L, D), numbers(6, 7, L, D)
    settings = WalkSettings(coarse=0.5, mid=-1.5, fine=2.0, beta=0.7, pull=1.3, step=0.5)
    strength = torch.tensor([0.5] * 3 + [-1.5] * 3 + [2.0] * 2)[:, None]
    ws, own, wanted = start, {}, []
    for audio in sounds:
        clock = own.get("clock")
        moved = ws + 0.7 * 0.5 * strength * steps_by_hand(walker, ws, audio[None], own)
        if clock is not None:  # half steps turn it half as fast
            own["clock"] = (clock + own["clock"]) / 2
        ws = start + (moved - start) * math.exp(-1.3 / 10.0)  # a second's ten steps leave e^-1.3 of the way
        wanted.append(ws)
    got = torch.cat(list(roll_out(walker, start, [sounds[:3], sounds[3:]], settings)))
    torch.testing.assert_close(got, torch.cat(wanted), atol=1e-5, rtol=1e-4)


def test_what_a_walker_answers_goes_with_its_centre_and_scale(walker: RecurrentWalker) -> None:
    """Latents elsewhere and twice as far apart, under sounds twice as loud: the same walk there, with steps twice as long."""
    num_layers, clock = walker.blocks["mid"].num_layers, walker.clock is not None
    other = RecurrentWalker(num_ws=L, w_dim=D, bounds=(3, 6), hidden=HIDDEN, num_layers=num_layers, walk_rate=10.0, clock=clock).eval()
    other.load_state_dict(walker.state_dict())
    other.centre.add_(5.0)
    other.scale.mul_(2.0)
    start, sounds = numbers(7, 1, L, D), numbers(8, 5, L, D)
    one = torch.cat(list(roll_out(walker, start, [sounds])))
    two = torch.cat(list(roll_out(other, 2 * (start - walker.centre) + other.centre, [2 * sounds])))
    torch.testing.assert_close(2 * (one - walker.centre) + other.centre, two, atol=1e-4, rtol=1e-4)


def test_a_pull_leaves_its_share_of_the_way_and_nothing_moves_the_start() -> None:
    torch.manual_seed(0)
    walker = RecurrentWalker(num_ws=L, w_dim=D, hidden=4, walk_rate=5.0).requires_grad_(False)
    start, far = torch.zeros(1, L, D), torch.ones(1, L, D)
    still = WalkSettings(coarse=0, mid=0, fine=0, pull=2.0)
    state = WalkState(far, start)
    for number in range(1, 6):
        state = take_step(walker, state, torch.zeros(1, L, D), still)
        torch.testing.assert_close(state.ws, far * math.exp(-2.0 * number / 5.0))
        assert torch.equal(state.start_ws, start)
        assert state.num_steps == number


def test_what_is_remembered_moves_the_next_step(walker: RecurrentWalker) -> None:
    """The same place and the same sound after another past: another step; forgotten, the same one."""
    ws, audio = numbers(9, 1, L, D), numbers(10, 1, L, D)
    _, loud = walker(ws, 9 * audio, {})
    fresh, _ = walker(ws, audio, {})
    remembering, _ = walker(ws, audio, loud)
    zeros, _ = walker(ws, audio, {name: torch.zeros_like(loud[name]) for name in PARTS})
    assert (fresh - remembering).abs().amax((0, 2)).min() > 1e-4
    assert torch.equal(fresh, zeros)
    for name, part in PARTS.items():  # each block remembers for itself
        step, _ = walker(ws, audio, {name: loud[name]})
        moved = (step - fresh).abs().amax((0, 2)) > 1e-6
        assert moved[part].all()
        assert moved.sum() == part.stop - part.start


def test_a_walkers_own_sizes_rate_and_beginnings() -> None:
    walker = RecurrentWalker(num_ws=14, w_dim=4)
    assert (walker.num_ws, walker.w_dim, walker.walk_rate) == (14, 4, 12.0)
    assert walker.slices == {"coarse": slice(0, 3), "mid": slice(3, 6), "fine": slice(6, 14)}
    assert not walker.centre.any()
    assert walker.scale.item() == 1
    assert [name for name, _ in walker.named_buffers()] == ["centre", "scale"]
    block = walker.blocks["fine"]
    assert (block.num_group, block.w_dim, block.hidden, block.num_layers, block.recur.num_layers) == (8, 4, 512, 1, 1)
    assert (block.enter[0].in_features, block.leave[2].out_features, block.recur.hidden_size) == (10 * 4, 32, 512)


def test_settings_that_films_are_made_with() -> None:
    assert (0.08, WalkSettings(1, 1, 1, beta=0.4, pull=0, sound_once=True)) == (DEFAULT_PULL, RELEASED_WALK)
    assert WalkSettings() == WalkSettings(coarse=1, mid=1, fine=1, beta=1, pull=0, sound_once=False)


@pytest.mark.parametrize("name", ["coarse", "mid", "fine"])
def test_bounds_of_strengths_share_and_pull(name: str) -> None:
    for value in (-4, 4, 0):
        assert getattr(WalkSettings(**{name: value}), name) == value
    for value in (-4.01, 4.01, float("inf")):
        with pytest.raises(ConfigError, match=f"strength of {name}: got {value}"):
            WalkSettings(**{name: value})
    assert (WalkSettings(beta=0).beta, WalkSettings(beta=1).beta, WalkSettings(pull=0).pull, WalkSettings(pull=100).pull) == (0, 1, 0, 100)
    for wrong in ({"beta": -0.01}, {"beta": 1.01}, {"pull": -0.01}, {"pull": 100.5}):
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: got"):
            WalkSettings(**wrong)


def test_nothing_heard_is_no_step(walker: RecurrentWalker) -> None:
    assert list(roll_out(walker, numbers(1, 1, L, D), [])) == []
    assert [len(some) for some in roll_out(walker, numbers(1, 1, L, D), [numbers(2, 0, L, D), numbers(3, 2, L, D)])] == [2]


def test_steps_follow_lazily(walker: RecurrentWalker) -> None:
    asked = []

    def heard():
        for seed in range(9):
            asked.append(seed)
            yield numbers(seed, 2, L, D)

    walk = roll_out(walker, numbers(1, 1, L, D), heard())
    next(walk), next(walk)
    assert asked == [0, 1]


def test_shapes_that_dont_fit_are_told(walker: RecurrentWalker) -> None:
    ws = torch.zeros(2, L, D)
    for wrong in (torch.zeros(2, L + 1, D), torch.zeros(2, L, D - 1), torch.zeros(L, D)):
        with pytest.raises(ShapeError, match="ws: got shape"):
            walker(wrong, ws, {})
    for wrong in (torch.zeros(1, L, D), torch.zeros(2, L - 1, D), torch.zeros(2, L, D + 1)):
        with pytest.raises(ShapeError, match="audio_ws: got shape"):
            walker(ws, wrong, {})
    for wrong in (torch.zeros(1, L, D + 1), torch.zeros(1, L + 1, D)):
        with pytest.raises(ShapeError, match="start_ws: got shape"):
            next(roll_out(walker, wrong, [ws]))


# ---- the released blocks


def released(noise_fc: bool = True, num_layers: int = 2) -> ReleasedWalker:
    torch.manual_seed(3)
    blocks = [ReleasedBlock(num, D, HIDDEN, num_layers, noise_fc) for num in (3, 3, 2)]
    return ReleasedWalker(blocks).eval().requires_grad_(False)


def released_step_by_hand(walker: ReleasedWalker, ws: torch.Tensor, audio: torch.Tensor, hidden: dict[str, torch.Tensor]) -> torch.Tensor:
    """Layer after layer, both directions with a state of their own; before that all states pass a layer together. `hidden` is changed."""
    found = torch.zeros_like(ws)
    for name, part in PARTS.items():
        block = walker.blocks[name]
        h = hidden.get(name, torch.zeros(block.num_states, len(ws), HIDDEN))
        if block.audio_noise_fc is not None:
            mixed = [dense(block.audio_noise_fc, h[:, item].flatten()[None])[0].view(block.num_states, HIDDEN) for item in range(len(ws))]
            h = torch.stack(mixed, 1)
        x, after = (ws + audio)[:, part].flatten(1), []
        for layer in range(block.num_states // 2):
            both = [gru(block.rnn, x, h[2 * layer + way], layer, end) for way, end in enumerate(("", "_reverse"))]
            after += both
            x = torch.cat(both, 1)
        hidden[name] = torch.stack(after)
        found[:, part] = dense(block.fc, x).unflatten(1, (-1, D))
    return found


@pytest.mark.parametrize("noise_fc", [True, False])
def test_a_released_step_by_hand(noise_fc: bool) -> None:
    walker, hidden, own = released(noise_fc), {}, {}
    ws = numbers(1, 2, L, D)
    for audio in numbers(2, 3, 2, L, D):
        step, hidden = walker(ws, audio, hidden)
        torch.testing.assert_close(step, released_step_by_hand(walker, ws, audio, own), atol=1e-5, rtol=1e-4)
        for name in PARTS:
            torch.testing.assert_close(hidden[name], own[name], atol=1e-5, rtol=1e-4)
        ws = ws + step


def test_a_released_film_shows_its_start_with_the_sound_in_it_and_is_pulled_back_to_that() -> None:
    walker, start, sounds = released(), numbers(1, 1, L, D), numbers(2, 4, L, D)
    settings = WalkSettings(beta=0.4, sound_once=True, pull=3.0)
    first = start + sounds[:1]
    ws, own, wanted = first, {}, [first]
    for _ in range(3):
        moved = ws + 0.4 * released_step_by_hand(walker, ws, torch.zeros(1, L, D), own)
        ws = first + (moved - first) * math.exp(-3.0 / 10.0)
        wanted.append(ws)
    torch.testing.assert_close(torch.cat(list(roll_out(walker, start, [sounds], settings))), torch.cat(wanted), atol=1e-5, rtol=1e-4)
    shown = take_step(walker, WalkState(start, start), sounds[:1], WalkSettings())
    assert (shown.num_steps, take_step(walker, shown, sounds[:1], WalkSettings()).num_steps) == (1, 2)
    plain = next(roll_out(walker, start, [sounds]))
    assert torch.equal(plain[:1], start)  # sound at every step: the first picture is the start itself
    torch.testing.assert_close(plain[1:2], start + released_step_by_hand(walker, start, sounds[1:2], {}), atol=1e-5, rtol=1e-4)


def test_our_walker_with_the_sound_once_takes_it_before_its_first_step(walker: RecurrentWalker) -> None:
    start, sounds = numbers(1, 1, L, D), numbers(2, 2, L, D)
    got = torch.cat(list(roll_out(walker, start, [sounds], WalkSettings(sound_once=True))))
    own: dict[str, torch.Tensor] = {}
    first = start + sounds[:1] + steps_by_hand(walker, start + sounds[:1], torch.zeros(1, L, D), own)
    torch.testing.assert_close(got[:1], first, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(got[1:], first + steps_by_hand(walker, first, torch.zeros(1, L, D), own), atol=1e-5, rtol=1e-4)


def test_a_released_walkers_own_sizes_and_shapes() -> None:
    walker = released()
    assert (walker.num_ws, walker.w_dim, walker.walk_rate, walker.family, walker.img_resolution) == (L, D, 10.0, "stylegan3", 256)
    assert walker.slices == PARTS
    assert walker.shows_start
    ws = torch.zeros(2, L, D)
    for wrong in (torch.zeros(2, L + 1, D), torch.zeros(2, L, D - 1)):
        with pytest.raises(ShapeError, match="ws: got shape"):
            walker(wrong, ws, {})
    for wrong in (torch.zeros(1, L, D), torch.zeros(2, L + 1, D), torch.zeros(2, L, D - 1)):
        with pytest.raises(ShapeError, match="audio_ws: got shape"):
            walker(ws, wrong, {})
    block = ReleasedBlock(1, w_dim=2, hidden=3)
    assert (block.rnn.num_layers, block.num_states, block.audio_noise_fc.in_features) == (5, 10, 30)
    with torch.device("meta"):
        assert ReleasedBlock(1, num_layers=1).rnn.input_size == ReleasedBlock(1, num_layers=1).rnn.hidden_size == 512
    assert ReleasedBlock(1, 2, 3, 1, False).audio_noise_fc is None


# ---- fitted to another generator


def test_a_fitted_walker_walks_its_own_latents_and_brings_the_steps_back(walker: RecurrentWalker) -> None:
    target = 5
    up, down = numbers(1, L, target).softmax(1), torch.zeros(target, L)
    for latent, source in enumerate((0, 2, 4, 6, 7)):
        down[latent, source] = 1
    fitted = AdaptedWalker(walker, up, down)
    assert (fitted.num_ws, fitted.w_dim, fitted.walk_rate, fitted.shows_start) == (target, D, 10.0, False)
    assert fitted.slices == {"coarse": slice(0, 2), "mid": slice(2, 3), "fine": slice(3, 5)}
    ws, own, hidden = numbers(2, 1, target, D), {}, {}
    for audio in numbers(3, 2, 1, target, D):
        step, hidden = fitted(ws, audio, hidden)
        inner = steps_by_hand(walker, torch.einsum("st,btd->bsd", up, ws), torch.einsum("st,btd->bsd", up, audio), own)
        torch.testing.assert_close(step, inner[:, [0, 2, 4, 6, 7]], atol=1e-5, rtol=1e-4)
        ws = ws + step
    up += 1
    assert not torch.equal(fitted.up, up)  # a copy of its own
    down += 1
    assert not torch.equal(fitted.down, down)
    assert AdaptedWalker(released(), torch.eye(L), torch.eye(L)).shows_start
    with pytest.raises(ShapeError, match="up: got shape"):
        AdaptedWalker(walker, torch.eye(L + 1), torch.eye(L + 1))
    with pytest.raises(ShapeError, match="down: got shape"):
        AdaptedWalker(walker, torch.eye(L), torch.zeros(L + 1, L))
    with pytest.raises(ShapeError, match="down: got shape"):
        AdaptedWalker(walker, torch.eye(L), torch.zeros(L, L + 1))
