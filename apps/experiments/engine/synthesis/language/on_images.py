"""Primitives from image to image: colours, shapes, drawing."""

from __future__ import annotations

from apps.experiments.engine.synthesis.kernels import colour, draw, shape
from apps.experiments.engine.synthesis.kernels.canvas import INSIDE, OVER, WHERE_EMPTY, WHERE_FILLED, WITHOUT
from apps.experiments.engine.synthesis.kernels.opcodes import UNARY
from apps.experiments.engine.synthesis.primitives import Palette, Primitive

RIGID_NAMES = (
    "",
    "rotate_90",
    "rotate_180",
    "rotate_270",
    "mirror_left_right",
    "mirror_up_down",
    "transpose",
    "anti_transpose",
)


def colour_ops(palette: Palette) -> list[Primitive]:
    """What chooses or changes colours."""
    u = UNARY
    ops = []
    for c in palette.inputs:
        ops.append(Primitive(u, colour.KEEP_COLOUR, c, f"keep_colour_{c}", f"only the cells of colour {c}", 60))
        ops.append(Primitive(u, colour.ERASE_COLOUR, c, f"erase_colour_{c}", f"without the cells of colour {c}", 65))
    for c in palette.outputs:
        ops.append(Primitive(u, colour.PAINT, c, f"paint_{c}", f"every nonempty cell becomes {c}", 65))
        ops.append(Primitive(u, colour.INVERT, c, f"invert_{c}", f"empty cells become {c}, the others empty", 75))
        ops.append(Primitive(u, colour.BACKGROUND, c, f"background_{c}", f"empty cells become {c}", 80))
        ops.append(
            Primitive(u, colour.FILL_BOX, c, f"fill_box_{c}", f"empty cells of the content's box become {c}", 95)
        )
    for rank, word in ((0, "commonest"), (1, "second"), (9, "rarest")):
        ops.append(Primitive(u, colour.KEEP_RANK, rank, f"keep_{word}_colour", f"only the {word} colour", 75))
        ops.append(Primitive(u, colour.ERASE_RANK, rank, f"erase_{word}_colour", f"without the {word} colour", 75))
        ops.append(
            Primitive(u, colour.PAINT_RANK, rank, f"paint_{word}_colour", f"all painted in the {word} colour", 85)
        )
    ops += [
        Primitive(u, colour.INVERT, 0, "invert", "empty cells take the main colour, the others empty", 75),
        Primitive(u, colour.SWAP, 0, "swap_colours", "the only two colours exchanged", 85),
        Primitive(u, colour.ISOLATED, 1, "keep_isolated", "cells without an equal neighbour", 90),
        Primitive(u, colour.ISOLATED, 0, "erase_isolated", "without cells that have no equal neighbour", 85),
        Primitive(u, colour.EDGE_PARTS, 1, "keep_edge_parts", "components touching the edge", 85),
        Primitive(u, colour.EDGE_PARTS, 0, "erase_edge_parts", "components not touching the edge", 85),
        Primitive(u, colour.PARTS_IN_COLOUR, 1, "parts_in_rarest_colour", "each component in its rarest colour", 95),
        Primitive(u, colour.PARTS_IN_COLOUR, 0, "parts_in_main_colour", "each component in its main colour", 95),
        Primitive(u, colour.COLOUR_BY_SIZE, 0, "colour_by_size", "components coloured by size, the largest 1", 100),
        Primitive(
            u, colour.COLOUR_BY_SIZE, 1, "colour_by_smallness", "components coloured by size, the smallest 1", 100
        ),
        Primitive(u, colour.HOLED_PARTS, 1, "keep_holed", "components that enclose empty cells", 90),
        Primitive(u, colour.HOLED_PARTS, 0, "erase_holed", "components that enclose nothing", 90),
        Primitive(u, colour.FILL_BOX, 0, "fill_box", "empty cells of the content's box take the main colour", 95),
    ]
    return ops


def shape_ops(palette: Palette, canvas: bool) -> list[Primitive]:
    """What cuts, moves, repeats and resizes; `canvas` operations where the output's size is known."""
    u = UNARY
    ops = [
        Primitive(u, shape.CROP, 0, "crop", "the box around the nonempty cells", 50),
        Primitive(u, shape.TO_ORIGIN, 0, "to_origin", "moved to the top left corner", 65),
        Primitive(u, shape.SCALE_DOWN, 0, "scale_down", "whole blocks become one cell", 80),
        Primitive(u, shape.STRIP_BORDER, 0, "strip_border", "without the outermost cells", 85),
        Primitive(u, shape.DROP_LINES, 0, "merge_equal_lines", "neighbouring equal rows and columns merged", 80),
        Primitive(u, shape.DROP_LINES, 1, "drop_empty_lines", "without empty rows and columns", 85),
        Primitive(u, shape.DROP_LINES, 2, "drop_ruled_lines", "without one-coloured rows and columns", 85),
        Primitive(u, shape.SELF_PRODUCT, 0, "self_product", "a copy of itself at every nonempty cell", 90),
        Primitive(u, shape.SELF_PRODUCT, 1, "self_product_inverted", "a copy of itself at every empty cell", 95),
        Primitive(u, shape.SORT_LINES, 0, "sort_rows", "rows in order of their nonempty cells", 100),
        Primitive(u, shape.SORT_LINES, 1, "sort_columns", "columns in order of their nonempty cells", 100),
        Primitive(u, shape.SOLID, 0, "solid", "its rectangle filled with the main colour", 80),
        Primitive(u, shape.MAIN_CELL, 0, "main_colour_cell", "one cell in the main colour", 85),
        Primitive(u, shape.COMPARTMENTS, 0, "compartments", "one cell a compartment of a ruled grid", 85),
        Primitive(u, shape.WITH_INPUT, INSIDE, "input_here", "the input inside this rectangle", 75),
        Primitive(u, shape.WITH_INPUT, WHERE_FILLED, "input_where_filled", "the input where this is nonempty", 90),
        Primitive(u, shape.WITH_INPUT, WHERE_EMPTY, "input_where_empty", "the input where this is empty", 90),
        Primitive(u, shape.WITH_INPUT, WITHOUT, "input_without", "the input with this erased", 90),
        Primitive(u, shape.WITH_INPUT, OVER, "over_input", "this laid over the input", 90),
    ]
    ops += [Primitive(u, shape.RIGID, k, RIGID_NAMES[k], "the grid under that symmetry", 70) for k in range(1, 8)]
    names: tuple[str, ...] = (
        "left_half",
        "right_half",
        "top_half",
        "bottom_half",
        "left_third",
        "middle_third",
        "right_third",
    )
    names += ("upper_third", "central_third", "lower_third", "quarter_1", "quarter_2", "quarter_3", "quarter_4")
    for k, name in enumerate(names):
        ops.append(Primitive(u, shape.PART, k, name, "that part of the image", 75 if k < 4 else 95))
    for rows, columns in ((1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (3, 3)):
        name = f"tile_{rows}x{columns}"
        ops.append(Primitive(u, shape.TILE, rows * 10 + columns, name, f"repeated {rows} down, {columns} across", 90))
    joins: tuple[str, ...] = ("join_mirror_right", "join_mirror_left", "join_mirror_below", "join_mirror_above")
    joins += ("mirror_four", "rotate_four", "join_turned_right", "join_turned_below")
    ops += [Primitive(u, shape.JOIN, k, n, "the image beside its symmetric copies", 85) for k, n in enumerate(joins)]
    ops += [Primitive(u, shape.SCALE_UP, f * 11, f"scale_{f}", f"each cell a {f} x {f} block", 90) for f in (2, 3)]
    for k, name in enumerate(("up", "down", "left", "right")):
        ops.append(Primitive(u, shape.SHIFT, k, f"shift_{name}", f"moved one cell {name}", 95))
        ops.append(Primitive(u, shape.SHIFT, k + 4, f"wrap_{name}", f"moved one cell {name}, wrapping round", 100))
        ops.append(Primitive(u, shape.GRAVITY, k, f"gravity_{name}", f"each cell falls {name}", 85))
        ops.append(Primitive(u, shape.FALL, k, f"fall_{name}", f"each component falls {name} as one piece", 95))
    for c in palette.outputs:
        ops.append(Primitive(u, shape.FRAME, c, f"frame_{c}", f"a frame of colour {c} around it", 100))
    for rank, word in ((0, "commonest"), (1, "second"), (9, "rarest")):
        meaning = f"all painted in the input's {word} colour"
        ops.append(Primitive(u, shape.PAINT_INPUT_RANK, rank, f"paint_input_{word}", meaning, 85))
    return ops + _counting_ops() + (_canvas_ops() if canvas else [])


def _counting_ops() -> list[Primitive]:
    ops = []
    for k, name in enumerate(("cells", "parts", "colours", "equal_parts")):
        for m, (suffix, line, cost) in enumerate(
            (("", "row", 105), ("_down", "column", 115), ("_diagonal", "diagonal", 115))
        ):
            meaning = f"a {line} as long as its number of {name}"
            ops.append(Primitive(UNARY, shape.COUNT, k + 4 * m, f"count_{name}{suffix}", meaning, cost))
    return ops


def _canvas_ops() -> list[Primitive]:
    u = UNARY
    corners = ("top_left", "top_right", "bottom_left", "bottom_right", "middle")
    placed = "there, on an empty canvas of the output's size"
    ops = [Primitive(u, shape.PLACE, k, f"place_{name}", placed, 85) for k, name in enumerate(corners)]
    ops.append(Primitive(u, shape.EMBED, 0, "embed", "where it stands, on an empty canvas of the output's size", 30))
    fills = ("tile_canvas", "mirror_canvas", "stretch_canvas")
    ops += [
        Primitive(u, shape.FILL_CANVAS, k, n, "the output's size filled with copies", 85) for k, n in enumerate(fills)
    ]
    cuts = [
        Primitive(u, shape.CUT, k, f"cut_{n}", "that part, in the output's size", 95) for k, n in enumerate(corners)
    ]
    return ops + cuts


def draw_ops(palette: Palette) -> list[Primitive]:
    """What fills, outlines, connects and completes."""
    u = UNARY
    ops = [
        Primitive(u, draw.FILL_HOLES, 0, "fill_holes", "enclosed empty cells take the main colour", 80),
        Primitive(u, draw.HOLES, 0, "holes", "enclosed empty cells alone", 85),
        Primitive(u, draw.OPEN_SPACE, 0, "open_space", "empty cells joined to the edge", 95),
        Primitive(u, draw.OWN_HOLES, 0, "fill_holes_own", "holes take the colour around them", 85),
        Primitive(u, draw.OUTLINE_4, 0, "outline_4", "empty cells beside it, in its colours", 90),
        Primitive(u, draw.OUTLINE_8, 0, "outline_8", "empty cells around it, in its colours", 85),
        Primitive(u, draw.RIM, 0, "rim", "cells at the rim of their region", 85),
        Primitive(u, draw.RIM, 1, "rim_8", "cells at the rim, diagonals included", 95),
        Primitive(u, draw.RIM, 2, "inside", "cells not at the rim", 85),
        Primitive(u, draw.RIM, 3, "inside_8", "cells not at the rim, diagonals included", 95),
        Primitive(u, draw.SPREAD, 0, "spread_4", "empty cells take the nearest colour", 95),
        Primitive(u, draw.SPREAD, 1, "spread_8", "empty cells take the nearest colour, diagonally too", 95),
        Primitive(u, draw.FILL_BOXES, 0, "fill_boxes", "each component's box filled in its colour", 85),
        Primitive(u, draw.BOX_FRAMES, 0, "box_frames", "a frame around each component's box", 95),
        Primitive(u, draw.SMOOTH, 0, "smooth", "each cell follows its neighbourhood", 100),
        Primitive(u, draw.LARGEST_EMPTY, 1, "largest_empty_box", "the largest empty rectangle", 100),
        Primitive(u, draw.RULED_LINES, 1, "ruled_lines", "the one-coloured rows and columns", 85),
        Primitive(u, draw.RULED_LINES, 0, "without_ruled_lines", "without one-coloured rows and columns", 90),
    ]
    directions = {
        1: "left",
        2: "right",
        4: "up",
        8: "down",
        3: "across",
        12: "down_up",
        15: "four_ways",
        16: "up_left",
        32: "up_right",
        64: "down_left",
        128: "down_right",
        144: "falling_diagonal",
        96: "rising_diagonal",
        240: "diagonals",
        255: "eight_ways",
    }
    for bits, name in directions.items():
        ops.append(Primitive(u, draw.RAYS, bits, f"rays_{name}", f"colours carried on {name} until blocked", 90))
    for bits in (3, 12, 15, 240):
        name = directions[bits]
        ops.append(
            Primitive(
                u, draw.RAYS_THROUGH, bits, f"rays_through_{name}", f"colours carried on {name} through others", 100
            )
        )
    for bits, name in ((1, "across"), (2, "down"), (3, "straight"), (12, "diagonally"), (15, "all_ways")):
        ops.append(Primitive(u, draw.CONNECT, bits, f"connect_{name}", f"equal cells joined {name}", 85))
    for bits, name in (
        (1, "left_right"),
        (2, "up_down"),
        (3, "both_ways"),
        (4, "half_turn"),
        (8, "transpose"),
        (11, "all"),
    ):
        ops.append(
            Primitive(
                u,
                draw.COMPLETE_SYMMETRY,
                bits,
                f"complete_{name}",
                f"made symmetric ({name}) by filling empty cells",
                85,
            )
        )
    for k, name in enumerate(("both", "across", "down", "slanted")):
        ops.append(
            Primitive(
                u, draw.COMPLETE_PERIOD, k, f"repeat_{name}", f"its period ({name}) carried on into empty cells", 85
            )
        )
    for k, name in enumerate(("left_right", "up_down", "both", "all")):
        ops.append(
            Primitive(u, draw.OVERLAY_MIRROR, k, f"overlay_mirror_{name}", f"laid over its mirror image ({name})", 90)
        )
    for c in palette.inputs:
        ops.append(
            Primitive(u, draw.MIRROR_ABOUT, c, f"mirror_about_{c}", f"completed by mirroring about colour {c}", 90)
        )
        ops.append(
            Primitive(
                u, draw.TURN_ABOUT, c, f"turn_about_{c}", f"completed by all eight symmetries about colour {c}", 90
            )
        )
    ops += [
        Primitive(u, draw.EXTEND_LINES, 0, "extend_lines", "thin straight lines carried on until blocked", 85),
        Primitive(u, draw.EXTEND_LINES, 1, "extend_lines_through", "thin straight lines carried on to the edge", 90),
        Primitive(
            u, draw.BETWEEN_CORNERS, 1, "between_corners", "inside of rectangles marked by four equal corners", 90
        ),
        Primitive(u, draw.EMPTY_BLOCKS, 2, "empty_blocks_2", "empty 2 x 2 squares", 90),
        Primitive(u, draw.EMPTY_BLOCKS, 3, "empty_blocks_3", "empty 3 x 3 squares", 90),
        Primitive(u, draw.PATCH_FILL, 2, "patch_fill_2", "empty cells filled from 2 x 2 patches seen elsewhere", 95),
        Primitive(u, draw.PATCH_FILL, 3, "patch_fill_3", "empty cells filled from 3 x 3 patches seen elsewhere", 95),
    ]
    for k, name in enumerate(("even_rows", "odd_rows", "even_columns", "odd_columns", "even_chequer", "odd_chequer")):
        ops.append(Primitive(u, draw.PARITY, k, name, "only those cells", 95))
    for c in palette.outputs:
        ops += [
            Primitive(u, draw.FILL_HOLES, c, f"fill_holes_{c}", f"enclosed empty cells become {c}", 85),
            Primitive(u, draw.HOLES, c, f"holes_{c}", f"enclosed empty cells alone, as {c}", 90),
            Primitive(u, draw.OUTLINE_8, c, f"outline_8_{c}", f"empty cells around it, as {c}", 90),
            Primitive(u, draw.OUTLINE_4, c, f"outline_4_{c}", f"empty cells beside it, as {c}", 100),
            Primitive(u, draw.BETWEEN, c, f"between_{c}", f"lines of {c} between equal cells, alone", 95),
            Primitive(u, draw.BOX_GAPS, c, f"box_gaps_{c}", f"empty cells in each component's box, as {c}, alone", 90),
        ]
    return ops
