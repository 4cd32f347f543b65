"""Program synthesis over grids, compiled by numba."""

from __future__ import annotations

from pathlib import Path

from apps.experiments.engine.compiled import keep_compiled

keep_compiled(Path(__file__).parent)
