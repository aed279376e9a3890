"""Sound and video files: decoded on a player's time line, written whole or not at all."""

from .containers import CONTAINERS, container_of
from .decode import SoundInfo, SoundReader, iter_sound, probe_sound, read_sound
from .pictures import PICTURES, FrameFolderWriter, check_frame_folder, checked_picture, contact_sheet, png_bytes, save_picture, save_png
from .sound_track import SOUND_CODECS, SoundTrack
from .video import VideoWriter, read_video_frames
from .wav import write_wav

__all__ = ["CONTAINERS", "PICTURES", "SOUND_CODECS", "FrameFolderWriter", "SoundInfo", "SoundReader", "SoundTrack", "VideoWriter",
           "check_frame_folder", "checked_picture", "contact_sheet", "container_of", "iter_sound", "png_bytes", "probe_sound", "read_sound",
           "read_video_frames", "save_picture", "save_png", "write_wav"]
