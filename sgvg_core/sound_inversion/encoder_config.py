"""The configuration of a sound encoder, read off its layers."""

from ..config import SoundInversionConfig
from .encoder import SoundInversionEncoder


def config_of_encoder(encoder: SoundInversionEncoder) -> SoundInversionConfig:
    """The configuration that a sound encoder was built from, read off its layers."""
    finest = encoder.map_of_latent
    return SoundInversionConfig(
        num_ws=encoder.num_ws,
        w_dim=encoder.w_dim,
        log_mel_size=encoder.log_mel_size,
        depths=tuple(len(stage) for stage in encoder.stages),  # type: ignore[arg-type]
        widths=tuple(stage[0].residual[1].out_channels for stage in encoder.stages),  # type: ignore[arg-type,union-attr,index]
        pyramid_width=encoder.laterals[0].out_channels,  # type: ignore[arg-type]
        bounds=(finest.index(1), finest.index(2)),
        segment_rate=encoder.segment_rate,
        stem_stride=encoder.stem[0].stride[0],  # type: ignore[arg-type,index]
        texture=encoder.texture.project.in_features if encoder.texture is not None else 0,
        texture_reach=encoder.texture_reach,
        smoothing_seconds=encoder.smoothing_seconds,
        smoothing_range=encoder.smoothing_range,
    )
