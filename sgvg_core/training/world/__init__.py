"""The stages taught by the procedural world: generator, detail, judge, joint space, encoder and walker warm-up, paper's losses.

`stages` has them in order, each with what it reads from the work folder and what it leaves there.
"""
