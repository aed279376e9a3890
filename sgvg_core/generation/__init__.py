"""Sound in, film out: sound -> start -> trajectory -> render -> film, each a file.

Everything streams: a film of an hour needs no more memory than one of a second.

Names are imported on first use: training needs sounds and trajectories, and no package that reads media.
"""

from typing import TYPE_CHECKING

from ..first_use import on_first_use

if TYPE_CHECKING:
    from ..pixels import to_uint8
    from .centres import MAX_CENTRES, compute_centres, truncate
    from .class_labels import Label, drawn_label, labels_of_codes, read_label
    from .driven import RANGES, film_numbers, in_range, read_driven
    from .film import GeneratedVideo, generate, walk_of_sound, write_film
    from .heard_curves import label_curves
    from .keyframe_latents import KeySource, resolve_keyframes
    from .keyframe_plan import SNAPS, KeyframePlan, read_key_lines, read_keyframes
    from .layer_drives import BAND_DRIVES, LayerDrive, drive_layers
    from .listening import SoundLabels, classify_sound, labels_of
    from .loop_settings import LoopSettings
    from .looping import loop_walk
    from .matte import AGAINST, MatteSettings, draw_mattes
    from .pose import ANCHORS, Pose, anchor_placement, pose_transforms
    from .pose_keys import PoseKeys, read_pose, read_pose_table
    from .render import NOISE_MODES, RenderSettings, final_size, frames, images_of, resize, size_of_image, synthesize
    from .seeded_start import random_start
    from .settings import UNSURE, GenerateSettings, StartSettings
    from .side_by_side import light_layer
    from .sound import AnalysedSound, Sound, analyse_sound
    from .sound_curves import curves_of_sound, curves_of_source
    from .sound_embedding import embed_sound
    from .spread import spread_of
    from .text_constraint import Prompt, RankedStarts, candidates_sheet, choose_start, read_prompts
    from .trajectory import Walk
    from .walk_render import ShapedWalk, driven_render, numbers_of, overlays_of, shape_render, sound_of_walk
    from .walks_of_sounds import heard_walk

__all__, __getattr__, __dir__ = on_first_use(__name__)
