"""Primitives to, from and between lists: splitting, choosing, folding, mapping."""

from __future__ import annotations

from apps.experiments.engine.synthesis.kernels import canvas, choose, colour, draw, fold, parts, shape
from apps.experiments.engine.synthesis.kernels.measure import PROPERTY_NAMES
from apps.experiments.engine.synthesis.kernels.opcodes import FILTER, FOLD, MAP, PICK, SPLIT
from apps.experiments.engine.synthesis.primitives import Palette, Primitive

MAPPED = frozenset(
    {
        colour.KEEP_RANK,
        colour.ERASE_RANK,
        colour.SWAP,
        colour.PAINT_RANK,
        shape.CROP,
        shape.RIGID,
        shape.SCALE_DOWN,
        shape.STRIP_BORDER,
        shape.SOLID,
        shape.WITH_INPUT,
    }
    | {
        draw.FILL_HOLES,
        draw.HOLES,
        draw.RIM,
        draw.COMPLETE_SYMMETRY,
        draw.COMPLETE_PERIOD,
        draw.OVERLAY_MIRROR,
        draw.RAYS,
        shape.PART,
        shape.GRAVITY,
        draw.FILL_BOXES,
    }
)
"""Image operations that may be mapped over a list."""


def split_ops() -> list[Primitive]:
    """Image to list."""
    s = SPLIT
    ops = [
        Primitive(s, parts.COMPONENTS, 0, "parts_4", "components of any colours, side by side", 70),
        Primitive(s, parts.COMPONENTS, 1, "parts_8", "components of any colours, diagonals included", 60),
        Primitive(s, parts.COMPONENTS, 2, "parts_4_colour", "one-coloured components, side by side", 60),
        Primitive(s, parts.COMPONENTS, 3, "parts_8_colour", "one-coloured components, diagonals included", 60),
        Primitive(s, parts.BY_COLOUR, 0, "by_colour", "one image for each colour", 65),
        Primitive(s, parts.PANELS, 0, "panels", "compartments between coloured lines", 60),
        Primitive(s, parts.PANELS, 1, "gaps", "compartments between empty lines", 80),
        Primitive(s, parts.EMPTY_REGIONS, 0, "empty_regions", "regions of empty cells", 85),
        Primitive(s, parts.WHOLE_BOXES, 0, "boxes_8", "components' boxes with all that lies in them", 85),
        Primitive(
            s, parts.WHOLE_BOXES, 1, "boxes_8_colour", "one-coloured components' boxes with all that lies in them", 75
        ),
        Primitive(s, parts.REGIONS, 0, "regions", "one-coloured regions, empty ones too", 85),
        Primitive(s, parts.FRAME_INSIDES, 0, "frame_insides", "what lies inside rectangular frames", 85),
    ]
    shapes = {2: "two_across", 3: "three_across", 4: "four_across", 0: "columns"}
    ops += [
        Primitive(s, parts.EQUAL_PANELS, 10 + k, f"panels_{n}" if k else n, "equal panels side by side", 75)
        for k, n in shapes.items()
    ]
    shapes = {2: "two_down", 3: "three_down", 4: "four_down", 0: "rows"}
    ops += [
        Primitive(s, parts.EQUAL_PANELS, 10 * k + 1, f"panels_{n}" if k else n, "equal panels one below another", 75)
        for k, n in shapes.items()
    ]
    ops += [
        Primitive(s, parts.EQUAL_PANELS, 22, "panels_2x2", "four equal panels", 80),
        Primitive(s, parts.EQUAL_PANELS, 33, "panels_3x3", "nine equal panels", 80),
    ]
    return ops


def choice_ops(palette: Palette) -> list[Primitive]:
    """List to one of its images, or to some."""
    ops = []
    for k, name in enumerate(PROPERTY_NAMES):
        for mode, word in enumerate(("most", "least", "odd")):
            if mode == choose.ODD_ONE_OUT and name in ("copies", "same_shape", "same_colour"):
                continue
            meaning = f"the item with the {word} {name}"
            ops.append(
                Primitive(PICK, k, mode, f"pick_{word}_{name}", meaning, 65 if mode == choose.ODD_ONE_OUT else 50)
            )
    ops += [
        Primitive(PICK, choose.BY_INDEX, k, f"item_{k + 1}", f"item {k + 1} of the list", 65 - 10 * (k < 2))
        for k in range(4)
    ]
    for k in (0, 1, 2, 3, 4, 5, 6, 10, 12, 13, 14, 15, 16, 17):
        name = PROPERTY_NAMES[k]
        for mode, word in enumerate(("most", "not_most", "least", "not_least")):
            meaning = f"items with {word.replace('_', ' ')} {name}"
            ops.append(Primitive(FILTER, k, mode, f"keep_{word}_{name}", meaning, 70))
    for c in palette.inputs:
        if c > 0:
            ops.append(
                Primitive(PICK, choose.HOLDING + c, 0, f"pick_with_{c}", f"the only item holding colour {c}", 60)
            )
            ops.append(
                Primitive(PICK, choose.HOLDING + c, 1, f"pick_without_{c}", f"the only item lacking colour {c}", 65)
            )
            ops.append(Primitive(FILTER, choose.HOLDING + c, 0, f"with_{c}", f"items holding colour {c}", 70))
            ops.append(Primitive(FILTER, choose.HOLDING + c, 1, f"without_{c}", f"items lacking colour {c}", 75))
    return ops


def fold_ops() -> list[Primitive]:
    """List to one image made of all."""
    lengths = ("across", "down", "diagonal")
    ops = [
        Primitive(FOLD, fold.LENGTH, k, f"length_{n}", f"a line ({n}) as long as the list", 95)
        for k, n in enumerate(lengths)
    ]
    orders = ("first_on_top", "last_on_top", "small_on_top", "large_on_top")
    ops += [
        Primitive(FOLD, fold.STACK, k, f"stack_{n}", "all items where they stand", 70 if k else 40)
        for k, n in enumerate(orders)
    ]
    over = ("superpose_first_on_top", "superpose_last_on_top")
    ops += [
        Primitive(FOLD, fold.SUPERPOSE, k, name, "equal-sized items over one another", 60)
        for k, name in enumerate(over)
    ]
    logic = ("and", "one_only", "none", "first_only", "last_only", "not_all", "all_equal", "commonest")
    for k, word in enumerate(logic):
        ops.append(Primitive(FOLD, fold.LOGIC, k, f"cells_{word}", f"cell by cell: {word.replace('_', ' ')}", 65))
    for k, word in enumerate(("across", "down")):
        ops.append(Primitive(FOLD, fold.JOIN, k, f"join_{word}", f"items joined {word}", 75))
        ops.append(
            Primitive(FOLD, fold.JOIN_SORTED, k, f"join_sorted_{word}", f"items joined {word}, smallest first", 85)
        )
    for k, word in enumerate(("largest_across", "largest_down", "smallest_across", "smallest_down")):
        ops.append(
            Primitive(FOLD, fold.COLOURS_BY_SIZE, k, f"colours_{word}", "one cell an item in its colour, by size", 85)
        )
    for k, word in enumerate(("across", "down")):
        ops.append(
            Primitive(
                FOLD,
                fold.COLOURS_IN_PLACE,
                k,
                f"colours_in_place_{word}",
                "one cell an item in its colour, by place",
                85,
            )
        )
    return ops


def map_ops(images: list[Primitive]) -> list[Primitive]:
    """Those of the primitives from image to image that may be applied to each item of a list."""
    return [
        Primitive(MAP, op.code, op.p, f"each_{op.name}", f"each item: {op.meaning}", op.cost + 15)
        for op in images
        if op.code in MAPPED and not (op.code == shape.WITH_INPUT and op.p in (canvas.WITHOUT, canvas.OVER))
    ]
