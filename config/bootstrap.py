"""Makes `.venv` hold exactly what the requirements pin. Standard library only, so that any Python can run it.

Safe to run again and again, and after an interrupted earlier start: the stamp that says "done" is written last.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)


def fail(message: str) -> NoReturn:
    """Stop with a message a newcomer can act on."""
    sys.stderr.write(f"\n{message}\n\n")
    raise SystemExit(1)


def check_interpreter() -> None:
    """Refuse a Python that is too old or cannot make a virtual environment."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        fail(
            f"Terrarium needs Python 3.11 or newer; {sys.executable} is {found}.\n"
            "Install a newer one and name it: make run PYTHON=/path/to/python3.12"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail(
            "This Python lacks the venv module. On Debian or Ubuntu: sudo apt install "
            f"python{sys.version_info[0]}.{sys.version_info[1]}-venv\nThen run the same command again."
        )


def wanted_stamp(requirements: str) -> str:
    """What a finished environment for these requirements looks like, as one hash."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for name in ("requirements.txt", requirements):
        digest.update((ROOT / name).read_bytes())
    return f"{requirements} {digest.hexdigest()}"


def is_finished(stamp_file: Path, wanted: str) -> bool:
    """Whether an earlier run finished with the same requirements and the environment still answers."""
    if not stamp_file.exists() or wanted not in stamp_file.read_text().splitlines():
        return False
    return subprocess.run([str(PYTHON), "-c", "import django"], capture_output=True, check=False).returncode == 0


def make_environment() -> None:
    """Create `.venv`, replacing one whose interpreter no longer works."""
    works = PYTHON.exists() and subprocess.run(
        [str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False
    )
    if works and works.returncode == 0:
        return
    print("Making a virtual environment in .venv ...", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        fail(f"Could not make a virtual environment in {VENV}:\n{(made.stderr or made.stdout).strip()}")


def install(requirements: str) -> None:
    """Install the pinned requirements, quietly unless it fails."""
    print(f"Installing {requirements} (a minute or two the first time) ...", flush=True)
    command = [
        str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
        "--requirement", str(ROOT / requirements),
    ]  # fmt: skip
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "WARNING" not in line]
        fail(
            "Installing the requirements failed:\n  " + "\n  ".join(errors[-12:]) + "\n"
            "Check the network or the package index, then run the same command again: it goes on where it stopped."
        )


def main() -> None:
    """Bring the environment up to date, or say in one line that it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and lint need")
    requirements = "requirements-dev.txt" if parser.parse_args().dev else "requirements.txt"
    os.chdir(ROOT)
    check_interpreter()
    stamp_file = VENV / "installed"
    wanted = wanted_stamp(requirements)
    if is_finished(stamp_file, wanted):
        return
    began = time.monotonic()
    make_environment()
    install(requirements)
    kept = (
        [line for line in stamp_file.read_text().splitlines() if wanted.split()[0] not in line]
        if stamp_file.exists()
        else []
    )
    stamp_file.write_text("\n".join([*kept, wanted]) + "\n")
    print(f"Environment ready in {time.monotonic() - began:.0f} s.", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("Interrupted. Run the same command again: it goes on where it stopped.")
