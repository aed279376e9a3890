"""What commands write: of the kind that the name says, never an input, and refused before any work where it can't be written."""

import json
import os
import shutil
from pathlib import Path

import av
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import load_latents
from sgvg_core.cli import main
from sgvg_core.generation import film, start
from sgvg_core.media import read_sound, write_wav


@pytest.fixture
def place(tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a sound of half a second, a copy of the tiny model, and files of the user's."""
    write_wav(tmp_path / "x.wav", 0.2 * torch.randn(1, 11_025, generator=torch.Generator().manual_seed(0)), 22_050)
    shutil.copytree(tiny_model_folder, tmp_path / "tiny")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "frame_000000.png").write_bytes(b"painted")
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("mine")
    (tmp_path / "link.mp4").symlink_to("x.wav")
    os.link(tmp_path / "x.wav", tmp_path / "second.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


FILM = ["--model", "tiny", "--device", "cpu", "--from", "random", "--fps", "8"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind", "codec"), [("a.mp4", "mov", "aac"), ("A.MOV", "mov", "aac"), ("a.mkv", "matroska", "opus"),
                                                     ("a.webm", "matroska", "opus"), ("a.gif", "gif", None)])  # fmt: skip
def test_generate_writes_what_the_name_says(place: Path, name: str, kind: str, codec: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "x.wav", "-o", name, *FILM]) == 0
    with av.open(name) as container:
        assert container.format.name.split(",")[0] == kind
        assert sum(1 for _ in container.decode(video=0)) == 4
        assert [stream.codec_context.name for stream in container.streams.audio] == ([codec] if codec else [])
    if codec:
        sound, rate = read_sound(name)
        assert sound.shape[1] / rate == pytest.approx(0.5, abs=0.001)
    assert ("a gif holds no sound" in capsys.readouterr().out) == (codec is None)


@pytest.mark.parametrize(("name", "kind"), [("s.png", "PNG"), ("s.jpg", "JPEG"), ("s.JPEG", "JPEG"), ("s.webp", "WEBP")])
def test_sheets_are_what_their_names_say(place: Path, name: str, kind: str) -> None:
    words = ["centres", "tiny", "-o", "c.npy", "--num", "3", "--codes", "20", "--device", "cpu", "--sheet", name]
    assert main(words) == 0
    with Image.open(name) as sheet:
        assert (sheet.format, sheet.size) == (kind, (3 * 32 + 4, 32))
    assert load_latents(place / "c.npy").shape[0] == 3


REFUSED = [
    *(["generate", "x.wav", "-o", name, *FILM] for name in (
        "x.wav", "x.avi", "x.ogg", "x.mp4.zip", ".mp4", "", ".", "/", "..", "link.mp4", "second.mp4", "./link.mp4", "file", "file/x.mp4",
        "absent/x.mp4", "mine", "link", "tiny", "tiny/generator.safetensors", "n" * 300 + ".mp4", "n" * 300, "a\0.mp4", "/dev/null", "/proc/x.mp4")),
    ["generate", "x.wav", "-o", "o.mp4", *FILM, "--sheet", "s.bmp"],
    ["generate", "x.wav", "-o", "o.mp4", *FILM, "--sheet", "o.mp4"],
    ["generate", "x.wav", "-o", "o.mp4", *FILM, "--sheet", "absent/s.png"],
    ["generate", "x.wav", "-o", "o.mp4", *FILM, "--report", "r.txt"],
    ["generate", "x.wav", "-o", "o.mp4", *FILM, "--report", "file/r.json"],
    ["generate", "x.wav", "-o", "o.mp4", *FILM, "--pose", "p.csv", "--report", "p.csv"],
    ["generate", "x.wav", "-o", "o.gif", *FILM, "--sound", "aac"],
    ["generate", "x.wav", "-o", "o.webm", *FILM, "--sound", "flac"],
    ["demo", "second.mp4", "-o", ".", "--model", "tiny"],
    ["demo", "x.wav", "-o", "file", "--model", "tiny"],
    ["demo", "x.wav", "-o", "file/out", "--model", "tiny"],
    ["centres", "tiny", "-o", "tiny/generator.safetensors"],
    ["centres", "tiny/generator.safetensors", "-o", "again.safetensors"],
    ["centres", "tiny", "-o", "c.txt"],
    ["centres", "tiny", "-o", "c.npy", "--sheet", "c.gif"],
    ["convert", "tiny/generator.safetensors", "-o", "again.safetensors"],
    ["convert", "tiny/generator.safetensors", "-o", "tiny/generator.safetensors"],
    ["convert", "tiny/generator.safetensors", "-o", "new.pt"],
    ["convert", "tiny/generator.safetensors", "-o", "absent/new.safetensors"],
    ["evaluate", "--model", "tiny", "--study", "mine"],
    ["evaluate", "--model", "tiny", "--study", "file"],
    ["evaluate", "--model", "tiny", "--sheets", "file"],
    ["evaluate", "--model", "tiny", "--sheets", "file/deep"],
    ["evaluate", "--model", "tiny", "--table", "2", "--keep", "file"],
    ["data", "inspect", "tiny", "-o", "sheet.mp4"],
    ["data", "prepare", "mine", "-o", "mine"],
    ["data", "prepare", "mine", "-o", "file"],
    ["train", "export", "--work", "mine", "-o", "mine"],
    ["train", "export", "--work", "mine", "-o", "./link"],
]


@pytest.mark.parametrize("words", REFUSED, ids=lambda words: " ".join(words)[:60].replace("\0", "0"))
def test_what_cannot_be_written_is_refused_before_any_work(
    words: list[str], place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model that can't be read, so that whoever worked first would say so."""
    (place / "p.csv").write_text("seconds,zoom\n0,1\n")
    if words[0] in ("generate", "demo", "evaluate"):
        (place / "tiny" / "generator.safetensors").write_bytes(b"no generator")
    os.link("tiny/generator.safetensors", "again.safetensors")
    before = contents(place)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert not said.startswith("error: tiny/generator.safetensors: ") or "tiny/generator.safetensors" in words
    assert contents(place) == before
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


NUMBERS = ["1e400", "9" * 400, "9" * 5000, "10**400", "²", "nan", "inf", "-1e999", "", "0x10"]


@pytest.mark.slow
@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value[:12])
@pytest.mark.parametrize("words", [
    ["generate", "x.wav", "-o", "o.mp4", "--seed"], ["generate", "x.wav", "-o", "o.mp4", "--fps"], ["generate", "x.wav", "-o", "o.mp4", "--size"],
    ["generate", "x.wav", "-o", "o.mp4", "--start"], ["generate", "x.wav", "-o", "o.mp4", "--strength", "mid"], ["listen", "x.wav", "--length"],
    ["generate", "x.wav", "-o", "o.mp4", "--label"], ["generate", "x.wav", "-o", "o.mp4", "--pose", "zoom"], ["demo", "--seed"],
    ["generate", "x.wav", "-o", "o.mp4", "--label", "3:"],
    ["centres", "tiny", "-o", "c.npy", "--num"],
    ["evaluate", "--long"],
    ["evaluate", "--seconds"], ["data", "prepare", "world:", "-o", "d", "--size"],
    ["data", "prepare", "world:", "-o", "d", "--fps"],
    ["data", "prepare", "world:", "-o", "d", "--seconds"], ["train", "walk", "--work", "w", "--minutes"],
    ["train", "judge", "--work", "w", "--steps"],
    ["train", "walk", "--work", "w", "--threads"], ["train", "sgvg", "--work", "w", "--data", "d", "--generator", "g", "--lambda-b"],
], ids=lambda words: f"{words[0]} {words[-1]}")  # fmt: skip
def test_numbers_that_are_none_or_too_large_are_one_line(words: list[str], value: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *words, last = words
    given = [f"--strength={last}={value}"] if last == "mid" else [f"--pose={last}={value}"] if last == "zoom" else \
        [f"--label={last}{value}"] if last == "3:" else [f"{last}={value}"]  # fmt: skip
    if given[0] in ("--label=", "--label=3:"):
        pytest.skip("no label, which is allowed")
    words = words[:-1] if last in ("mid", "zoom", "3:") else words
    before = contents(place)
    try:
        code = main([*words, *given, *(["--model", "tiny"] if words[0] in ("generate", "listen", "demo", "evaluate") else [])])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert len(said) < 1000
    assert contents(place) == before


@pytest.mark.slow
def test_the_largest_seed_is_one(place: Path) -> None:
    for seed in (2**64 - 1, -1, 0):
        assert main(["generate", "x.wav", "-o", "o.mp4", *FILM, f"--seed={seed}", "--report", "r.json"]) == 0
        assert json.loads(Path("r.json").read_text())["seed"] == seed


@pytest.mark.slow
def test_a_folder_of_frames_is_replaced_by_the_next_run_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fps in ("8", "4"):
        assert main(["generate", "x.wav", "-o", "frames", *FILM, "--fps", fps]) == 0
    assert len(list(Path("frames").glob("frame_*.png"))) == 2
    (place / "frames" / "frame_000001.png").write_bytes(b"painted over")
    assert main(["generate", "x.wav", "-o", "frames", *FILM]) == 2
    assert "holds other files than frames that this program wrote" in capsys.readouterr().err
    assert (place / "frames" / "frame_000001.png").read_bytes() == b"painted over"


@pytest.mark.slow
def test_a_sound_that_goes_while_the_film_is_made_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:

    start_latent = start.start_latent

    def gone(*given: object) -> torch.Tensor:
        os.replace("x.wav", "elsewhere.wav")
        return start_latent(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(film, "start_latent", gone)
    monkeypatch.setattr(start, "start_latent", gone)
    assert main(["generate", "x.wav", "-o", "o.mp4", *FILM]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "error: x.wav: there is no such file" in said
    assert not list(place.glob("*o.mp4*"))
