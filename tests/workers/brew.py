"""A command that prepares a machine: says how far it is, and waits to be let on.

python -m tests.workers.brew
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


def main() -> None:
    """Brew."""
    folder = Path(os.environ["TERRARIUM_STORAGE_ROOT"])
    print("putting the kettle on", flush=True)
    print(json.dumps({"done": 1, "total": 3, "note": "hot water"}), flush=True)
    until = time.monotonic() + 60
    while not (folder / "let-on").exists() and time.monotonic() < until:
        time.sleep(0.02)
    with (folder / "brews").open("a") as file:
        file.write("brewed\n")


if __name__ == "__main__":
    main()
