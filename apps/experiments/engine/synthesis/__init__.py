"""Program synthesis over grids, compiled by numba."""
