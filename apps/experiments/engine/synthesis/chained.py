"""A path of primitives followed by a learned rule: what neither reaches alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.experiments.engine.strategy import Step
from apps.experiments.engine.synthesis.layered import LayeredProgram, decode_layers
from apps.experiments.engine.synthesis.looks import Outlook
from apps.experiments.engine.synthesis.program import Program, decode, decoders
from apps.tasks.engine.puzzle import Grid

KIND = "chain"


@dataclass(eq=False)
class ChainedProgram:
    """`first` leads to an image in the outlook's view, `rule` turns it into the output as the outlook shows it."""

    first: LayeredProgram
    rule: Program
    cost: int
    outlook: Outlook

    def run(self, grid: Grid) -> Grid | None:
        """The output, None where a part does not apply."""
        look = self.outlook.look(grid)
        middle = self.first.run(look.enter(grid))
        output = None if middle is None else self.rule.run(middle)
        return None if output is None else look.leave(output)

    def steps(self, grid: Grid) -> list[Step]:
        """The path's steps, then the rule's."""
        look = self.outlook.look(grid)
        seen = look.enter(grid)
        steps = [] if self.outlook.plain else [Step(f"look: {self.outlook.text()}", seen)]
        steps += self.first.steps(seen)
        if steps[-1].grid is None:
            return steps
        steps += self.rule.steps(steps[-1].grid)
        if not self.outlook.plain and steps[-1].grid is not None:
            steps.append(Step("look as before", look.leave(steps[-1].grid)))
        return steps

    def text(self) -> str:
        """Readable source: the path as one function, the rule as the next."""
        first = self.first.text().replace("def solve(grid)", "def prepare(grid)")
        rule = self.rule.text().replace("def solve(grid)", "def finish(grid)")
        if self.outlook.plain:
            body = "    return finish(prepare(grid))"
        else:
            body = f"    seen = look(grid)  # {self.outlook.text()}\n    return look_back(finish(prepare(seen)))"
        return f"{first}\n\n{rule}\n\ndef solve(grid):\n{body}"

    def to_data(self) -> Mapping[str, Any]:
        """JSON form, restored by `decode`."""
        return {
            "kind": KIND,
            "first": self.first.to_data(),
            "rule": self.rule.to_data(),
            "cost": self.cost,
            "frame": self.outlook.to_data(),
        }


def decode_chain(data: Mapping[str, Any]) -> ChainedProgram:
    """Restore a program from `ChainedProgram.to_data`."""
    return ChainedProgram(
        decode_layers(data["first"]), decode(data["rule"]), int(data["cost"]), Outlook.from_data(data["frame"])
    )


decoders[KIND] = decode_chain
