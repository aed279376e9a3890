"""Operations that have more than one implementation, one a file: the reference, and the faster ones.

Every implementation gives the reference's numbers (tests/kernels holds them to it). Kernels know tensors, no networks' classes.
"""
