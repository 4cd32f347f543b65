"""A command that prepares a machine: says how far it is, and waits to be let on.

python -m tests.workers.brew
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path


def main() -> None:
    """Brew."""
    folder = Path(os.environ["TERRARIUM_STORAGE_ROOT"])
    print("putting the kettle on", flush=True)
    print("hot water 1 of 3 (33 %)", flush=True)
    while not (folder / "let-on").exists():
        if select.select([sys.stdin], [], [], 0.02)[0]:
            return  # nobody needs it any more
    with (folder / "brews").open("a") as file:
        file.write("brewed\n")


if __name__ == "__main__":
    main()
