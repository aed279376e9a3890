"""Endings of the names of files that have sound or a moving picture in them; playlists are none of these."""

SOUND_ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".spx", ".m4a", ".m4b", ".m4r", ".aac", ".adts", ".aiff", ".aif",
                 ".aifc", ".wma", ".caf", ".mka", ".weba", ".w64", ".rf64", ".bwf", ".au", ".snd", ".amr", ".3ga", ".ac3", ".eac3", ".dts",
                 ".mp2", ".mp1", ".mpa", ".ape", ".wv", ".tta", ".tak", ".mpc", ".ra", ".voc", ".dsf", ".dff", ".qoa", ".gsm", ".mlp",
                 ".thd", ".loas", ".oma", ".aa3", ".shn")
"""Of sounds."""
VIDEO_ENDINGS = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".m2t", ".flv", ".f4v", ".wmv",
                 ".asf", ".3gp", ".3g2", ".ogv", ".vob", ".mxf", ".mj2", ".qt", ".divx", ".rm", ".rmvb", ".nut", ".dv", ".wtv", ".mod",
                 ".tod")
"""Of videos."""
