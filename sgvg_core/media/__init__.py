"""Sound and video files: decoded on a player's time line, written whole or not at all."""

from .decode import SoundInfo, SoundReader, iter_sound, probe_sound, read_sound
from .pictures import FrameFolderWriter, contact_sheet, png_bytes, save_png
from .sound_track import SOUND_CODECS, SoundTrack
from .video import VideoWriter, read_video_frames
from .wav import write_wav

__all__ = ["SOUND_CODECS", "FrameFolderWriter", "SoundInfo", "SoundReader", "SoundTrack", "VideoWriter", "contact_sheet", "iter_sound",
           "png_bytes", "probe_sound", "read_sound", "read_video_frames", "save_png", "write_wav"]
