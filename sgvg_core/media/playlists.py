"""Files that name other files: playlists and descriptions of streams are never followed."""

import functools
import re

import av

_OPENS_OTHERS = frozenset([
    "hls", "applehttp", "concat", "dash", "webm_dash_manifest", "imf", "smoothstreaming", "sdp", "rtp", "rtsp", "rtp_mpegts", "sap", "whep", "whip",
    "rtmp", "mmsh", "mmst", "vobsub", "mlv", "image2", "image2pipe", "lavfi", "avisynth", "vapoursynth", "libopenmpt", "live_flv", "segment",
    "alsa", "oss", "pulse", "jack", "sndio", "openal", "fbdev", "kmsgrab", "v4l2", "video4linux2", "x11grab", "xcbgrab", "dshow", "vfwcap",
    "gdigrab", "avfoundation", "android_camera", "decklink", "libcdio", "iec61883", "bktr", "caca"])
"""Demuxers that open further files or addresses by what a file says, and devices."""
_PLAYLISTS = re.compile(rb"\s*(#EXTM3U|ffconcat\s|\[playlist\]|v=0\s*\r?\n(?=[os]=)|<(\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<?"
                        rb"(MPD|SmoothStreamingMedia|CompositionPlaylist|playlist|asx|smil)\b)|(?:file\s+\S)", re.IGNORECASE | re.DOTALL)


@functools.lru_cache(maxsize=1)
def allowed_demuxers() -> str:
    """FFmpeg's list of the demuxers that read the one file that they're given."""
    names = {part for name in av.formats_available for part in name.split(",")}
    return ",".join(sorted(names - _OPENS_OTHERS))


def is_playlist(head: bytes) -> bool:
    """Whether a file that begins so is a playlist, a manifest or a list of files."""
    return _PLAYLISTS.match(head.removeprefix(b"\xef\xbb\xbf")) is not None
