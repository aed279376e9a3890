"""The bundled joint space: three small towers built from a configuration alone (paper Eq. 2, 4.5)."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from ..backbones import normalise_items
from ..config import MelConfig
from .bpe import ByteBPE, split_words
from .image_preparation import ImagePreparation
from .sound_tower import SILENT_SHARE, SoundTower

_LARGEST_SCALE = 100.0


class JointSpace(nn.Module):
    """F_v, F_t and F_a into one space of unit vectors. Pictures and words go through open_clip's own CLIP class.

    The arguments are those of `JointSpaceConfig`. Nothing is registered with open_clip and nothing is fetched.
    """

    def __init__(self, *, embed_dim: int, image_size: int, image_width: int, image_layers: Sequence[int], text_width: int, text_heads: int,
                 text_layers: int, context_length: int, sound_widths: Sequence[int], mel: MelConfig,
                 sound_texture: int = 0, merges: Sequence[tuple[int, int]] = (), words: Sequence[str] = (), labels: Sequence[str] = (),
                 image_norm: str = "batch", sound_norm: str = "batch", sound_silent: float = SILENT_SHARE,
                 temperature: float = 1.0, sure_from: float = 0.0) -> None:
        super().__init__()
        from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg  # here, as its import takes seconds

        self.bpe = ByteBPE(merges, context_length)
        self.temperature, self.sure_from = temperature, sure_from
        self.embed_dim, self.mel, self.labels, self.words = embed_dim, mel, tuple(labels), frozenset(words)
        vision = CLIPVisionCfg(layers=tuple(image_layers), width=image_width, head_width=image_width * 8, image_size=image_size)
        text = CLIPTextCfg(context_length=context_length, vocab_size=self.bpe.vocabulary_size, width=text_width, heads=text_heads,
                           layers=text_layers)
        self.prepare = ImagePreparation(image_size, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), interpolation="bilinear")
        self.clip = CLIP(embed_dim, vision, text)
        self.sound = SoundTower(embed_dim, sound_widths, mel.resized_mels, texture=sound_texture, silent_share=sound_silent)
        for norm, tower in ((image_norm, self.clip.visual), (sound_norm, self.sound)):
            if norm == "item":
                normalise_items(tower)

    @property
    def logit_scale(self) -> torch.Tensor:
        """What cosines are multiplied with before a softmax (CLIP's learned temperature, at most 100)."""
        return self.clip.logit_scale.clamp(max=math.log(_LARGEST_SCALE)).exp()

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """F_v: images [N, 3, H, W] in -1..1, of any size -> [N, embed_dim], unit length; differentiable."""
        return functional.normalize(self.clip.encode_image(self.prepare(images)), dim=-1)

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """F_t: any texts -> [P, embed_dim], unit length."""
        return self.embed_tokens(self.bpe.encode(texts))

    def embed_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        """F_t of texts that are tokens already: int64 [P, context_length] -> [P, embed_dim], unit length."""
        device = self.clip.token_embedding.weight.device
        return functional.normalize(self.clip.encode_text(tokens.to(device)), dim=-1)

    def embed_sounds(self, log_mel: torch.Tensor) -> torch.Tensor:
        """F_a: log-mel windows [S, 1, M, F] in 0..1 (as `mel` says) -> [S, embed_dim], unit length."""
        return self.sound(log_mel)

    def unknown_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The words of the texts that no caption of the training held, in order: they're encoded, but say nothing to this tower."""
        seen = dict.fromkeys(word for text in texts for word in split_words(text))
        return tuple(word for word in seen if word not in self.words)
