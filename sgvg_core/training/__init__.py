"""Training: `losses` by name, `runs` (what every training shares), `world` (the stages taught by the procedural world) and
`clips` (training on own data). `world` and `clips` never import each other.
"""
