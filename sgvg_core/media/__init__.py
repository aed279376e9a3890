"""Sound and video files: decoded on a player's time line, written whole or not at all.

It knows files and no spectra. Every rule has a file in tests/media that shows what players do; a new container is an entry of `containers`.
"""

from .containers import CONTAINERS, container_of
from .decode import SoundInfo, SoundReader, iter_sound, probe_sound, read_sound
from .endings import SOUND_ENDINGS, VIDEO_ENDINGS
from .images import IMAGES, FrameFolderWriter, check_frame_folder, checked_image, contact_sheet, png_bytes, save_image, save_png
from .local_file import STANDARD_INPUT, local_file
from .shown_video import ShownVideo
from .sound_file import Tick
from .sound_track import SOUND_CODECS, SoundTrack, chosen_codec
from .still import as_rgb_image, on_background, read_image
from .video import VideoWriter, read_small_frames, read_video_frames
from .wav import write_wav

__all__ = [
    "CONTAINERS",
    "FrameFolderWriter",
    "IMAGES",
    "SOUND_CODECS",
    "SOUND_ENDINGS",
    "STANDARD_INPUT",
    "ShownVideo",
    "SoundInfo",
    "SoundReader",
    "SoundTrack",
    "Tick",
    "VIDEO_ENDINGS",
    "VideoWriter",
    "as_rgb_image",
    "check_frame_folder",
    "checked_image",
    "chosen_codec",
    "contact_sheet",
    "container_of",
    "iter_sound",
    "local_file",
    "on_background",
    "png_bytes",
    "probe_sound",
    "read_image",
    "read_small_frames",
    "read_sound",
    "read_video_frames",
    "save_image",
    "save_png",
    "write_wav",
]
