"""What every training shares: its state and steps, processes, settings, history; nothing about what is learned.

A run that is killed at any moment resumes to the same result; keep it so (tests/training compares bits).
"""
