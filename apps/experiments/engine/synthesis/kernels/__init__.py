"""Compiled kernels over grids: integers only, no fast maths, no state.

Conventions shared by all of them. `a` is a 30 x 30 int8 buffer whose first `h` rows and `w` columns hold the
source image (0 is empty); `b` is the buffer the result goes to. `r` is an int64 array [top, left, height, width]:
on entry the source's place in the original grid, on a True return the result's. A kernel returns False where it
does not apply. Kernels never write outside the first 30 rows and columns and never write to `a`.
"""
