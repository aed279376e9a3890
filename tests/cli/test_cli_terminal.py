"""The command line's doors: what is printed whatever the console knows, and how signals, memory and damaged files end a command."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sgvg_core.cli.main import explained, main
from sgvg_core.cli.terminal import Stopped, make_printable, say, say_json, say_lines, stopped_by_signals
from sgvg_core.errors import MediaError
from sgvg_core.media import write_wav

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "hiss.wav"
    write_wav(path, 0.2 * torch.randn(1, 22_050, generator=torch.Generator().manual_seed(0)), 44_100)
    return path


def start(pack_root: Path, words: list[str], folder: Path, **environment: str) -> "subprocess.Popen[bytes]":
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-m", "sgvg_core", *words]
    env["PYTHONPATH"] = str(pack_root)
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_part(folder: Path, child: "subprocess.Popen[bytes]") -> None:
    """Until frames are written."""
    while child.poll() is None:
        if any(path.stat().st_size > 0 for path in folder.glob(".film.*.part*")):
            return
        time.sleep(0.02)
    raise AssertionError(child.communicate()[1].decode())


@POSIX
@pytest.mark.slow
def test_sigterm_ends_as_ctrl_c_does_and_a_kill_is_tidied_up_by_the_next_run(pack_root: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """Two films of two minutes: one is asked to stop, one is killed, and a third, of half a second, finds its place tidy."""
    folder = tmp_path / "out"
    folder.mkdir()
    long, short = tmp_path / "long.wav", tmp_path / "short.wav"
    write_wav(long, 0.1 * torch.ones(1, 120 * 8000), 8000)
    write_wav(short, 0.1 * torch.ones(1, 4000), 8000)
    common = ["--model", str(tiny_model_folder), "--device", "cpu", "--from", "random"]
    child = start(pack_root, ["generate", str(long), "-o", "film", *common], folder)
    wait_for_part(folder, child)
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=900)
    assert child.returncode == 143
    assert said.decode().splitlines()[-1].endswith("stopped; nothing half-written is left")
    assert b"Traceback" not in said
    assert not list(folder.iterdir())
    child = start(pack_root, ["generate", str(long), "-o", "film", *common], folder)
    wait_for_part(folder, child)
    child.kill()
    child.communicate()
    assert len(list(folder.iterdir())) == 1
    assert main(["generate", str(short), "-o", str(folder / "other.mp4"), *common]) == 0
    assert [path.name for path in folder.iterdir()] == ["other.mp4"]


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """The handlers that a program has in a terminal; under nohup and in the background of a script some are ignored, and stay so."""
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@POSIX
@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_end_a_command_with_their_number(number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Inside this process: the handlers of before are there again afterwards."""
    from sgvg_core.cli import listen

    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr(listen, "run", lambda options: os.kill(os.getpid(), number) or time.sleep(60))
    assert main(["listen", "x.wav"]) == code
    assert capsys.readouterr().err.strip() in ("stopped; nothing half-written is left", "cancelled; nothing half-written is left")
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == before


@POSIX
@pytest.mark.usefixtures("usual_signals")
def test_a_second_signal_does_not_disturb_the_tidying_up() -> None:
    tidied = False
    with pytest.raises(Stopped), stopped_by_signals():  # noqa: PT012
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            tidied = True
    assert tidied


NAMES = ["日本語", "π and ü", os.fsdecode(b"caf\xe9"), "two\nlines", "\x1b[31mred\x07", "\u202etxt.exe"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_paths_that_the_console_cannot_encode_are_printed_as_escapes(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    consoles = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="\n") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", consoles[0])
    monkeypatch.setattr(sys, "stderr", consoles[1])
    make_printable()
    for name in NAMES:
        say(f"{name}: 5 frames")
        say(name, sys.stderr)
        say_lines(f"a table\nof {name}")
        say_json({"file": name})
        print(name, file=sys.stderr)  # as a library would
    for console in consoles:
        console.flush()
    said = consoles[0].buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    lines = said.split("\n")
    for name in NAMES:
        assert json.dumps({"file": name}) in lines
    assert sum(line.endswith(": 5 frames") for line in lines) == len(NAMES)
    assert not set(said) & set("\x1b\x07\u202e")


@POSIX
@pytest.mark.slow
def test_a_whole_run_with_such_a_name(pack_root: Path, tiny_model_folder: Path, sound: Path, tmp_path: Path) -> None:
    name = os.fsdecode("日本 caf".encode() + b"\xe9.mp4")
    words = ["generate", str(sound), "-o", name, "--model", str(tiny_model_folder), "--device", "cpu", "--from", "random"]
    child = start(pack_root, words, tmp_path, PYTHONIOENCODING="ascii")
    out, err = child.communicate(timeout=900)
    assert child.returncode == 0, err
    assert out.decode("ascii").startswith("\\u65e5\\u672c caf\\udce9.mp4: 13 frames")
    assert (tmp_path / name).stat().st_size > 0


@POSIX
@pytest.mark.slow
def test_what_reads_the_output_may_end(pack_root: Path, tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from sgvg_core.cli import main; sys.exit(main(['generate', '--help']))"
    child = subprocess.Popen([sys.executable, "-c", code, str(pack_root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    said = child.stderr.read().decode()
    child.wait(900)
    assert "Traceback" not in said
    assert "Exception ignored" not in said


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 2, "error: memory ran out (MemoryError); use a smaller"),
        (RuntimeError("alloc_cpu.cpp: DefaultCPUAllocator: can't allocate memory: you tried"), 2, "error: memory ran out (Runt"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 2, "error: memory ran out"),
        (MediaError("x.wav: is empty"), 2, "error: x.wav: is empty"),
        (FileNotFoundError(2, "No such file or directory", "gone.wav"), 2, "error: gone.wav: No such file or directory"),
        (OSError("odd"), 2, "error: file: odd"),
        (OverflowError("int too large to convert\nto float"), 1, "error: unexpected, OverflowError: int too large to convert; this is a fault"),
        (RecursionError("maximum recursion depth exceeded"), 1, "error: unexpected, RecursionError: maximum"),
        (AssertionError(), 1, "error: unexpected, AssertionError; this is a fault of the program: --debug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_is_one_line(
    error: Exception, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(error)[0] == code
    from sgvg_core.cli import listen

    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(listen, "run", fail)
    assert main(["listen", "x.wav"]) == code
    found = capsys.readouterr().err
    assert found.startswith(said)
    assert found.count("\n") == 1
    with pytest.raises(type(error)):
        main(["--debug", "listen", "x.wav"])


@POSIX
@pytest.mark.slow
def test_memory_that_runs_out_is_one_line(pack_root: Path, tiny_model_folder: Path, sound: Path, tmp_path: Path) -> None:
    """Pictures of 4096 px, 64 at once, in a process that may take 400 MB more than it has."""
    code = textwrap.dedent("""
        import resource, sys
        sys.path.insert(0, sys.argv.pop(1))
        import sgvg_core
        from sgvg_core.cli import main
        sgvg_core.generate, sgvg_core.load_model  # imported on first use, which must not be what the memory runs out in
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 400_000_000, resource.RLIM_INFINITY))
        sys.exit(main(sys.argv[1:]))
    """)
    words = ["generate", str(sound), "-o", "film.mp4", "--model", str(tiny_model_folder), "--device", "cpu", "--from", "random", "--size", "4096"]
    done = subprocess.run([sys.executable, "-c", code, str(pack_root), *words, "--batch", "64"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: memory ran out")
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hiss.wav"]


def test_lines_are_cut_and_printable(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\r\x1b]0;title\x07" + "b" * 50_000)
    out = capsys.readouterr().out
    assert out.startswith("a\\r\\x1b]0;title\\x07bbb")
    assert len(out) <= 10_001
    say_json({"ü": "\x1b\u202e"})
    assert capsys.readouterr().out == '{"\\u00fc": "\\u001b\\u202e"}\n'
