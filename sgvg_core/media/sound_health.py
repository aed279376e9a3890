"""What went wrong while a sound was decoded: what's lost, and whether its packets may be copied as they are."""

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import MediaError
from .incomplete_files import cut_off, missing_bytes
from .ogg_pages import ogg_damage, ogg_end_granule
from .timeline import SMALL_JUMP

_TRUNCATED = Fraction(1, 20)
"""A sound that ends this number of seconds before its declared end is truncated."""
_WORTH_A_WORD = Fraction(1, 200)
_BARE_STREAMS = ("ac3", "eac3", "aac", "amr", "amrnb", "amrwb")
"""Packets in a row with nothing between them: bytes that no packet has were lost."""
_SAME_SIZES = ("ac3", "eac3", "mp2", "mp2float", "mp3", "mp3float", "dts", "dca")
_PADDING_BYTES = 2
_GAPS_ARE_MEANT = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "avi", "asf", "nut")
_EXACT_STAMPS = ("mpegts", "mpeg")
_TAGS = (b"ID3", b"TAG", b"APETAGEX")
"""What packets begin with that hold titles instead of sound, in files that were joined."""
_MOST_KEPT = 256
_OPUS_RATE = 48_000


@dataclasses.dataclass
class SoundHealth:
    """The state of a sound, complete after it was decoded to its end."""

    num_packets: int = 0
    num_damaged: int = 0
    """Packets that couldn't be decoded."""
    last_error: Exception | None = None
    lost: Fraction = Fraction(0)
    """Seconds of sound that are missing or silent because something is damaged or cut off."""
    cut_inside: bool = False
    """Whether the file ends inside a packet, without saying what came behind it."""
    num_mended: int = 0
    """Time stamps that didn't count."""
    num_changes: int = 0
    """How often rate or channels change."""
    silence: Fraction = Fraction(0)
    """Seconds of gaps in the time stamps."""
    seconds: Fraction = Fraction(0)
    """Length of all of it."""
    zero: Fraction = Fraction(0)
    """The time stamp (seconds) of time 0."""
    file_bytes: int = 0
    broken_stamp: Fraction | None = None
    """The first time stamp (seconds) that isn't where the packet before it ends."""
    packets_end: Fraction | None = None
    _bytes: int = 0
    _seconds: Fraction = Fraction(0)
    _place: int | None = None
    _bytes_lost: int = 0
    _sizes: tuple[int, int, int] | None = None
    """Of the packets before the last one the smallest and the largest, and the last one."""
    _damage: bool = False

    @property
    def bytes_a_second(self) -> float:
        """Of the packets so far."""
        return self._bytes / float(self._seconds) if self._seconds > 0 else float(self._bytes or 1000)

    @property
    def last_end(self) -> Fraction:
        """Where the last packet ended (seconds of the file's clock)."""
        return self.packets_end or Fraction(0)

    def count(self, packet: Any) -> None:
        """A packet was read."""
        if packet.size == 0:
            return
        self.num_packets += 1
        seconds = Fraction(packet.duration or 0) * packet.time_base if packet.time_base else Fraction(0)
        self._bytes, self._seconds = self._bytes + packet.size, self._seconds + seconds
        small, large, last = self._sizes or (packet.size, packet.size, packet.size)
        self._sizes = min(small, last), max(large, last), packet.size
        if packet.pos is not None and packet.pos >= 0:
            if self._place is not None and packet.pos > self._place:
                self._bytes_lost += packet.pos - self._place
            self._place = packet.pos + packet.size
        self._follow(packet, seconds)

    def _follow(self, packet: Any, seconds: Fraction) -> None:
        """Hold the packet's time stamp against the end of the one before."""
        stamp = None if packet.pts is None else packet.pts * packet.time_base
        if self.packets_end is None and seconds <= 0:
            return
        dropped = getattr(packet, "is_discard", False) and not (self.packets_end is None and stamp is not None and stamp < self.zero)
        if stamp is None or packet.is_corrupt or dropped or seconds <= 0:
            if self.broken_stamp is None:
                self.broken_stamp = self.packets_end or Fraction(0)
            return
        if self.packets_end is not None and self.broken_stamp is None:
            apart = abs(stamp - self.packets_end)
            if apart >= seconds or apart > max(2 * packet.time_base, Fraction(1, 400)):
                self.broken_stamp = stamp
        self.packets_end = stamp + seconds

    def lose(self, packet: Any, error: Exception) -> None:
        """A packet (PyAV's) couldn't be decoded: `error` says why."""
        if bytes(packet)[:8].startswith(_TAGS):
            return
        self.num_damaged, self.last_error, self._damage = self.num_damaged + 1, error, True
        mean = self._seconds / max(1, self.num_packets)
        self.lost += Fraction(packet.duration) * packet.time_base if packet.duration else mean

    def take_damage(self) -> bool:
        """Whether a packet was lost since this was asked last."""
        damage, self._damage = self._damage, False
        return damage

    @property
    def ends_inside(self) -> bool:
        """Whether all packets are of one size, but for the last, which is smaller."""
        small, large, last = self._sizes or (0, 0, 0)
        return large - small <= _PADDING_BYTES and last < small - _PADDING_BYTES

    @property
    def complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return self.lost < _WORTH_A_WORD and not self.cut_inside

    def warning(self) -> str | None:
        """What's missing, in a sentence; None where nothing is."""
        if self.complete:
            return None
        inside = "it ends inside a packet, and doesn't say how much came behind" if self.cut_inside else ""
        if self.lost < _WORTH_A_WORD:
            return f"{inside}; copy or export it again if it should be longer"
        return f"about {float(self.lost):.2f} s of its sound are missing or damaged{inside and f' ({inside})'}; copy or export it again"

    def why_not_copied(self) -> str | None:
        """Why a film wouldn't sound as this does if the packets were copied; None where it would."""
        if self.num_damaged or not self.complete:
            return "some of it is damaged or missing"
        if self.num_changes:
            return "its rate or channels change"
        if self.broken_stamp is not None:
            return f"its time stamps don't follow one another at {float(self.broken_stamp - self.zero):.2f} s"
        if self.num_mended or self.silence:
            return "its time stamps jump"
        if self.packets_end is None or abs(self.packets_end - self.zero - self.seconds) > SMALL_JUMP:
            return f"its time stamps end at {float(self.last_end - self.zero):.2f} s, its sound at {float(self.seconds):.2f} s"
        return None


def check_whole(health: SoundHealth, kind: str, declared: Fraction | None, stream: Any, path: Path) -> None:
    """Raise MediaError when what was decoded isn't all of a sound file, and add to `health` what is missing of those that are taken so.

    `kind` is the container's name, `declared` the end by the file's own word in seconds (None: it doesn't say), `stream` PyAV's.
    """
    seconds = health.seconds
    try:
        missing = missing_bytes(path)
        if kind == "mp3":
            declared = None  # FFmpeg's versions count an mp3's padding differently; its bytes tell better.
        if kind in ("wav", "w64", "aiff") and declared is not None and not missing:
            declared = None
        if missing or (declared is not None and seconds < declared - _TRUNCATED):
            short = f"{missing} bytes are missing" if missing else f"it should end at {float(declared or 0):.2f} s"
            raise MediaError(f"{path}: the file is truncated: its sound ends at {float(seconds):.2f} s, and {short}; "
                             "copy or export it again, or convert what is left to wav")
        _add_what_is_missing(health, kind, stream, path)
    except OSError as error:
        raise MediaError(f"{path}: can't be read any more ({error.strerror or error}); was it moved or removed meanwhile?") from error
    if health.num_damaged * 50 > health.num_packets and health.num_damaged > 1:
        raise MediaError(f"{path}: {health.num_damaged} of {health.num_packets} packets of sound can't be decoded "
                         f"({getattr(health.last_error, 'strerror', None) or health.last_error}); the file is damaged, copy or export it again")
    if seconds == 0:
        raise MediaError(f"{path}: there isn't one sample of sound in this file; export it again")


def _add_what_is_missing(health: SoundHealth, kind: str, stream: Any, path: Path) -> None:
    """Count what no error told: bytes between packets, pages that were dropped, an end that isn't there."""
    if kind not in _GAPS_ARE_MEANT:
        health.lost = max(health.lost, health.silence, _behind_its_stamps(health) if kind in _EXACT_STAMPS else Fraction(0))
    if kind in _BARE_STREAMS and health._bytes:
        health.lost = max(health.lost, health._bytes_lost * health._seconds / health._bytes)
    if kind == "ogg":
        health.lost = max(health.lost, _lost_pages(health, stream, path))
    if stream.codec_context.name in _SAME_SIZES and kind != "mp3" and health.ends_inside:
        health.cut_inside = True
    cut = cut_off(path)
    if cut is not None:
        missing, total = cut
        share = Fraction(missing, max(1, total - missing))
        health.lost, health.cut_inside = health.lost + health.seconds * share, health.cut_inside or not missing


def _behind_its_stamps(health: SoundHealth) -> Fraction:
    """By how much the sound is shorter than its time stamps say, where that's a packet or more."""
    if health.num_mended or health.num_changes or not health.num_packets:
        return Fraction(0)
    behind = health.last_end - health.zero - health.seconds
    return behind if behind >= Fraction(9, 10) * health._seconds / health.num_packets and behind > 0 else Fraction(0)


def _lost_pages(health: SoundHealth, stream: Any, path: Path) -> Fraction:
    """Seconds of an Ogg file's sound on pages that are damaged or missing."""
    damage, end = ogg_damage(path), ogg_end_granule(path)
    a_page = health.seconds / max(1, damage.num_pages - damage.num_lost)
    at_the_end = Fraction(0)
    if end is not None and not end[1]:
        rate = _OPUS_RATE if stream.codec_context.name in ("opus", "libopus") else stream.codec_context.sample_rate
        at_the_end = Fraction(max(0, end[0]), rate) - health.seconds - health.zero
        at_the_end = at_the_end if 0 < at_the_end < 10 * a_page + 5 else a_page
    return max(health.silence, damage.num_lost * a_page) + at_the_end


_KEPT: dict[tuple[str, int, int, int], SoundHealth] = {}


def key_of(path: Path, index: int) -> tuple[str, int, int, int] | None:
    """Tells a stream of a file as it is now. `index` is that of the stream in the file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return str(path.absolute()), state.st_size, state.st_mtime_ns, index


def keep(path: Path, index: int, health: SoundHealth) -> None:
    """Remember what a full pass over stream `index` of a file found."""
    key = key_of(path, index)
    if key is not None:
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[key] = health


def kept(path: Path, index: int) -> SoundHealth | None:
    """What the last full pass found, if the file is the same. `index` is that of the stream in the file."""
    key = key_of(path, index)
    return None if key is None else _KEPT.get(key)
