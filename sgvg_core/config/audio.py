"""Settings of log-mel spectrograms."""

import dataclasses

from .checks import check_choice, check_range

MEL_EDGES = ("silence", "mirror")


@dataclasses.dataclass(frozen=True)
class MelConfig:
    """How sound becomes a picture. The defaults are the paper's released settings: 44,100 Hz, 256 mels, 10 s resized to 256 x 256."""

    sample_rate: int = 44_100
    n_fft: int = 2048
    """Samples of a Fourier transform's window."""
    hop: int = 512
    """Samples from one window to the next."""
    n_mels: int = 256
    """Bands of the mel filter bank."""
    segment_seconds: float = 10.03
    """Length of the window that one segment hears."""
    resized_mels: int = 256
    """Bands to which a segment's log-mel spectrogram is resized."""
    resized_frames: int = 256
    """Size to which a segment's log-mel spectrogram is resized (bilinear, no antialiasing)."""
    edges: str = "silence"
    """What a window hears beyond the ends of a sound: silence, or the sound played backwards ("mirror")."""

    def __post_init__(self) -> None:
        check_choice("mel edges", self.edges, MEL_EDGES)
        check_range("mel sample_rate", self.sample_rate, 4_000, 192_000)
        check_range("mel n_fft", self.n_fft, 64, 16_384)
        check_range("mel hop", self.hop, 16, self.n_fft)
        check_range("mel n_mels", self.n_mels, 8, 512)
        check_range("mel segment_seconds", self.segment_seconds, 0.05, 60)
        check_range("mel resized_mels", self.resized_mels, 8, 1024)
        check_range("mel resized_frames", self.resized_frames, 8, 4096)


def bundled_mel() -> MelConfig:
    """The settings of the bundled model's spectrograms."""
    return MelConfig(
        sample_rate=22_050, n_fft=1024, hop=256, n_mels=64, segment_seconds=0.75, resized_mels=64, resized_frames=64, edges="mirror"
    )
