"""Sound into other image models: examples mixed by what a sound does over time, and schedules of prompts. Plain tensors in, plain tensors out.

Nothing is padded and nothing is mapped from one space to another: examples that don't fit each other are an error.
"""
