"""Settings of joint spaces and of their sound towers."""

import dataclasses
import re

from ..errors import ConfigError
from .audio import MelConfig, bundled_mel
from .checks import MAX_PART_PARAMETERS, backbone_parameters, check_backbone, check_choice, check_range, sound_tower_parameters

NORMS = ("batch", "item")


@dataclasses.dataclass(frozen=True)
class JointSpaceConfig:
    """The joint space of pictures, words and sounds (F_v, F_t, F_a). The defaults are the bundled size, about 0.5 M parameters a tower."""

    embed_dim: int = 128
    """E, the numbers of an embedding."""
    image_size: int = 64
    """Side in pixels to which F_v fits a picture."""
    image_width: int = 10
    """Channels of F_v's first stage."""
    image_layers: tuple[int, int, int, int] = (1, 1, 1, 1)
    """Units of each of F_v's four stages."""
    text_width: int = 96
    """Width of F_t's transformer."""
    text_heads: int = 4
    """Attention heads of F_t."""
    text_layers: int = 3
    """Layers of F_t."""
    context_length: int = 32
    """Tokens of a text; longer ones are cut."""
    sound_widths: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of F_a's blocks; each halves the spectrogram along both axes."""
    sound_texture: int = 0
    """Units of the layers on what the bands of a window do, added to the convolutions (0: none)."""
    mel: MelConfig = dataclasses.field(default_factory=bundled_mel)
    """How a window of sound becomes the picture that F_a takes."""
    merges: tuple[tuple[int, int], ...] = ()
    """The merges of the byte-level BPE, best first: see `embedding.bpe`."""
    words: tuple[str, ...] = ()
    """The words of the captions that the text tower learned from; other words are encoded too, but mean nothing to it."""
    labels: tuple[str, ...] = ()
    """The labels among which a sound is named when nobody gives others."""
    sound_silent: float = 0.5
    """Share of windows that F_a's texture answers alone while it learns; its convolutions count for the rest afterwards. Less than half where
    they're frozen, or learned from many places."""
    temperature: float = 1.0
    """What scores of sounds are divided by when they're made probabilities of the labels, so that these are as often right as they say."""
    sure_from: float = 0.0
    """A sound none of whose labels has this probability is named "not sure" (0: every sound is one of the labels)."""
    image_norm: str = "batch"
    """What F_v's layers are normalised over while it learns: "batch", or "item", each picture by itself (several processes need that)."""
    sound_norm: str = "batch"
    """The same of F_a."""

    def __post_init__(self) -> None:
        check_choice("joint space image_norm", self.image_norm, NORMS)
        check_choice("joint space sound_norm", self.sound_norm, NORMS)
        check_range("joint space embed_dim", self.embed_dim, 8, 2048)
        check_range("joint space image_size", self.image_size, 32, 512)
        if self.image_size % 32:
            raise ConfigError(f"joint space image_size: got {self.image_size}, expected a multiple of 32")
        check_range("joint space image_width", self.image_width, 2, 256)
        for layers in (*self.image_layers, self.text_layers):
            check_range("joint space layers", layers, 1, 64)
        check_range("joint space text_heads", self.text_heads, 1, 64)
        check_range("joint space text_width", self.text_width, self.text_heads, 2048)
        if self.text_width % self.text_heads:
            raise ConfigError(f"joint space text_width: got {self.text_width}, expected a multiple of text_heads ({self.text_heads})")
        check_range("joint space context_length", self.context_length, 4, 512)
        check_range("joint space number of sound_widths", len(self.sound_widths), 1, 8)
        for width in self.sound_widths:
            check_range("joint space sound_widths", width, 4, 2048)
        check_range("joint space sound_texture", self.sound_texture, 0, 4096)
        check_range("joint space number of merges", len(self.merges), 0, 50_000)
        check_range("joint space number of words", len(self.words), 0, 100_000)
        check_range("joint space number of labels", len(self.labels), 0, 1_000)
        check_range("joint space sound_silent", self.sound_silent, 0, 1)
        check_range("joint space temperature", self.temperature, 0.05, 20)
        check_range("joint space sure_from", self.sure_from, 0, 1)
        for index, pair in enumerate(self.merges):
            for token in pair:
                check_range(f"joint space merges[{index}]", token, 1, 256 + index)
        check_range("joint space number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers the weights of its three towers hold (without biases)."""
        images = sum(17 * layers * (self.image_width << stage) ** 2 for stage, layers in enumerate(self.image_layers))
        pooled = 32 * self.image_width
        images += pooled * (4 * pooled + self.embed_dim + (self.image_size // 32) ** 2)
        words = self.text_width * (12 * self.text_width * self.text_layers + 512 + len(self.merges) + self.context_length + self.embed_dim)
        return images + words + sound_tower_parameters(self.sound_widths, self.mel.resized_mels, self.sound_texture, self.embed_dim)


@dataclasses.dataclass(frozen=True)
class SoundTowerConfig:
    """F_a taught into the space of a CLIP model of somebody else's, whose own weights stay where they are."""

    clip_model: str
    """The model as open_clip knows it ("ViT-B-32"), or the name of its folder."""
    clip_weights: str
    """A pretrained tag, or the name of the file of weights."""
    embed_dim: int
    """E, the numbers of an embedding of that model."""
    widths: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of the blocks; each halves the spectrogram along both axes."""
    texture: int = 128
    """Units of the layers on a window's texture; 0: none."""
    norm: str = "item"
    """"batch", or "item": each window is normalised by itself."""
    mel: MelConfig = dataclasses.field(default_factory=bundled_mel)
    labels: tuple[str, ...] = ()
    """The labels among which a sound is named when nobody gives others."""

    def __post_init__(self) -> None:
        for name in ("clip_model", "clip_weights"):
            if not re.fullmatch(r"[\w.+-]{0,200}", getattr(self, name)):  # a name alone: it may lead to no other folder, nor to the network
                raise ConfigError(f"sound tower {name}: got {getattr(self, name)!r}, expected a plain name")
        check_range("sound tower embed_dim", self.embed_dim, 8, 4096)
        check_range("sound tower number of widths", len(self.widths), 1, 8)
        for width in self.widths:
            check_range("sound tower widths", width, 4, 2048)
        check_range("sound tower texture", self.texture, 0, 4096)
        check_choice("sound tower norm", self.norm, NORMS)
        check_range("sound tower number of labels", len(self.labels), 0, 1_000)
        check_range("sound tower number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases)."""
        return sound_tower_parameters(self.widths, self.mel.resized_mels, self.texture, self.embed_dim)


@dataclasses.dataclass(frozen=True)
class ReleasedSoundTowerConfig:
    """F_a of Lee et al. (CVPR 2022): a convolution to three channels, then a ResNet-18."""

    embed_dim: int = 512
    """E, the numbers of an embedding."""
    depths: tuple[int, int, int, int] = (2, 2, 2, 2)
    """Number of units of each of the four stages."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of each of the four stages."""

    def __post_init__(self) -> None:
        check_range("released sound tower embed_dim", self.embed_dim, 8, 4096)
        check_backbone("released sound tower", self.depths, self.widths)
        check_range("released sound tower number of parameters", backbone_parameters(self.depths, self.widths), 1, MAX_PART_PARAMETERS)
