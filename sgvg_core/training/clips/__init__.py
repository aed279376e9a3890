"""Training on own data: a generator against its discriminator, the joint space, the sound encoder and the walker.

Runs are counted in steps and exact. One `*_config` file holds a run's settings and presets.
"""
