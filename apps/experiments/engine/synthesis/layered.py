"""The program the enumeration produces: paths of primitives from the input, their images laid over one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.experiments.engine.strategy import Step
from apps.experiments.engine.synthesis.looks import PLAIN, Outlook
from apps.experiments.engine.synthesis.machine import Machine
from apps.experiments.engine.synthesis.primitives import Primitive
from apps.experiments.engine.synthesis.program import decoders
from apps.experiments.engine.synthesis.sizes import SizeRule
from apps.experiments.engine.synthesis.tables import apply_table
from apps.experiments.engine.synthesis.vocabulary import catalogue
from apps.tasks.engine.grids import freeze, is_valid
from apps.tasks.engine.puzzle import Grid

KIND = "layers"


@dataclass
class LayeredProgram:
    """Layers, each a path of primitives, laid over one another (first on top); `cost` in hundredths of a bit.

    With a `table` there are two layers, and the output's colour at a cell is the table's entry for theirs.
    """

    layers: tuple[tuple[Primitive, ...], ...]
    size: SizeRule
    cost: int
    outlook: Outlook = PLAIN
    table: tuple[int, ...] = ()

    def run(self, grid: Grid) -> Grid | None:
        """The output, None where some layer does not apply."""
        steps = self.steps(grid)
        return steps[-1].grid if steps else None

    def steps(self, grid: Grid) -> list[Step]:
        """Each layer's images in turn, then the layers put together."""
        look = self.outlook.look(grid)
        seen = look.enter(grid)
        steps = [] if self.outlook.plain else [Step("look: " + self.outlook.text(), seen)]
        machine = Machine(seen, self.size.size(seen))
        images: list[Grid] = []
        for number, path in enumerate(self.layers, start=1):
            value = machine.start
            prefix = f"layer {number}: " if len(self.layers) > 1 else ""
            if not path:
                steps.append(Step(f"{prefix}input", value.grid()))
            for op in path:
                after = machine.apply(op, value)
                if after is None:
                    return [*steps, Step(f"{prefix}{op.name}: does not apply", None)]
                value = after
                steps.append(Step(f"{prefix}{op.name}: {op.meaning}", value.grid()))
            images.append(value.images[0].cells)
        output = self._overlay(images)
        if output is None or not is_valid(output):
            return [*steps, Step("layers of different sizes", None)]
        if len(images) > 1:
            how = "the table for both layers' colours" if self.table else "layers over one another, the first on top"
            steps.append(Step(how, output))
        if not self.outlook.plain:
            steps.append(Step("look as before", look.leave(output)))
        elif not steps or steps[-1].grid is not output:
            steps.append(Step("output", output))
        return steps

    def _overlay(self, images: list[Grid]) -> Grid | None:
        if len({image.shape for image in images}) != 1:
            return None
        if self.table:
            joined = apply_table(self.table, images[0], images[1])
            return None if joined is None else freeze(joined)
        result = images[-1].copy()
        for image in reversed(images[:-1]):
            np.copyto(result, image, where=image != 0)
        return freeze(result)

    def text(self) -> str:
        """Readable source: one assignment a layer."""
        lines = ["def solve(grid):"]
        source = "grid"
        if not self.outlook.plain:
            lines.append(f"    seen = look(grid)  # {self.outlook.text()}")
            source = "seen"
        names = []
        for number, path in enumerate(self.layers, start=1):
            names.append(f"layer_{number}")
            calls = "".join(f".{op.name}()" for op in path)
            lines.append(f"    layer_{number} = {source}{calls}")
        joined = names[0] if len(names) == 1 else f"stack({', '.join(names)})"
        if self.table:
            lines.append(f"    table = {{{self._table_text()}}}  # (layer_1, layer_2): output")
            joined = "lookup(table, layer_1, layer_2)"
        lines.append(f"    return {joined}" if self.outlook.plain else f"    return look_back({joined})")
        return "\n".join(lines)

    def _table_text(self) -> str:
        entries = []
        for at, v in enumerate(self.table):
            a, b = divmod(at, 10)
            if 0 <= v < 10:
                entries.append(f"({a}, {b}): {v}")
        return ", ".join(entries)

    def to_data(self) -> Mapping[str, Any]:
        """JSON form, restored by `decode`."""
        return {
            "kind": KIND,
            "layers": [[op.name for op in path] for path in self.layers],
            "size": self.size.to_data(),
            "cost": self.cost,
            "frame": self.outlook.to_data(),
            "table": list(self.table),
        }


def decode_layers(data: Mapping[str, Any]) -> LayeredProgram:
    """Restore a program from `LayeredProgram.to_data`; raises ValueError on an unknown primitive."""
    names = catalogue()
    try:
        layers = tuple(tuple(names[name] for name in path) for path in data["layers"])
        size = SizeRule.from_data(data["size"])
    except KeyError as error:
        raise ValueError(f"Unknown primitive or field {error} in a layered program.") from error
    return LayeredProgram(layers, size, int(data["cost"]), Outlook.from_data(data["frame"]), tuple(data["table"]))


decoders[KIND] = decode_layers
