"""The bar on the terminal."""

import time

from sgvg_core.cli.progress import ProgressBar


def test_a_step_that_ends_late_is_full(capsys):
    with ProgressBar() as bar:
        bar(0, 10, "sound encoder, step 1")
        time.sleep(0.35)  # a bar appears after 0.3 s
        bar(10.9, 10, "sound encoder, step 2")  # trainings end by minutes, the last step a little after them
        assert "100%" in capsys.readouterr().err
        bar(10.9, 10, "sound encoder, step 3")
        bar(3, None, "something of no known length")
