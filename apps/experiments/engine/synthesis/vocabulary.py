"""Which primitives a task may use, and all there are by name."""

from __future__ import annotations

from functools import cache

from apps.experiments.engine.synthesis.language.on_images import colour_ops, draw_ops, shape_ops
from apps.experiments.engine.synthesis.language.on_lists import choice_ops, fold_ops, map_ops, split_ops
from apps.experiments.engine.synthesis.primitives import Palette, Primitive


def vocabulary(palette: Palette, canvas: bool) -> list[Primitive]:
    """Every primitive a task may use: constants from `palette`; canvas operations only if the output size is known."""
    images = colour_ops(palette) + shape_ops(palette, canvas) + draw_ops(palette)
    mapped = map_ops(colour_ops(palette) + shape_ops(palette, canvas=False) + draw_ops(palette))
    return images + split_ops() + choice_ops(palette) + fold_ops() + mapped


@cache
def catalogue() -> dict[str, Primitive]:
    """All primitives by name, with every colour as a constant."""
    everything = tuple(range(1, 10))
    return {op.name: op for op in vocabulary(Palette((0, *everything), everything), canvas=True)}
