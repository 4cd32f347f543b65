"""Makes `.venv` hold what the requirements pin, with uv, and with pip where uv cannot be had, and starts compiling the solver.

torch comes in two builds. The one for CPUs takes 200 MB to fetch, the one for NVIDIA GPUs some gigabytes, and the
ordinary package index has only the latter for Linux. `TERRARIUM_TORCH` says which: `cpu`, `cuda`, or `auto` (the
default): `cuda` where there is an NVIDIA GPU.

Standard library only, so that any Python can run it. Safe to run again and again, twice at once, and after an
interrupted earlier start: the stamp that says "done" is written last, and an installation cut off in the middle is
not built upon.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
UV = "uv==0.13.9"
FIRST = ("numba", "numpy", "pydantic")
PREPARE = "apps.experiments.engine.prepare"
BUILDS = ("cpu", "cuda")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
DRIVER = Path("/proc/driver/nvidia/version")
HASTE = {"UV_HTTP_RETRIES": "1", "UV_HTTP_CONNECT_TIMEOUT": "10", "PIP_RETRIES": "1", "PIP_DEFAULT_TIMEOUT": "15"}
"""An index that cannot be reached is given up soon."""
_SAME_IN_UV = ("index-url", "extra-index-url", "find-links", "constraint", "cert")
"""What pip may be told of where packages come from, and uv calls by the same names."""


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


def wanted_build() -> str:
    """Which build of torch this machine is to have, `cpu` or `cuda`."""
    said = os.environ.get("TERRARIUM_TORCH", "").strip() or "auto"
    if said not in {"auto", *BUILDS}:
        fail(
            f"TERRARIUM_TORCH is {said!r}. Set it to cpu, cuda or auto (cuda where there is an NVIDIA GPU), or unset it."
        )
    if said != "auto":
        return said
    return "cuda" if DRIVER.exists() else "cpu"


def has_cpu_build() -> bool:
    """Whether the environment holds the build of torch that knows no GPU."""
    return any(VENV.glob("lib/python*/site-packages/torch-*+cpu.dist-info"))


def wanted_stamp(requirements: str) -> str:
    """What a finished environment for these requirements and this machine looks like, as one hash."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {wanted_build()}".encode())
    for name in ("requirements.txt", requirements):
        digest.update((ROOT / name).read_bytes())
    return f"{requirements} {digest.hexdigest()}"


def is_finished(stamp_file: Path, wanted: str) -> bool:
    """Whether an earlier run finished with the same requirements and the environment still answers."""
    if not stamp_file.exists() or wanted not in stamp_file.read_text().splitlines():
        return False
    return _succeeds([str(PYTHON), "-c", "import django"])


def _succeeds(command: Sequence[str], **more: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **more})
        return done.returncode == 0
    except OSError:
        return False


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of the same folder take turns: the second finds everything done."""
    with Path(__file__).open() as own:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up of this folder is under way; waiting for it ...", flush=True)
            fcntl.flock(own, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield


def _unfinished() -> Path:
    return VENV / "installing"


def make_environment() -> None:
    """Create `.venv`, replacing one that does not work, holds half of an installation, or torch for CPUs where a GPU is to be used."""
    satisfied_by_less = wanted_build() == "cuda" and has_cpu_build()
    if not satisfied_by_less and not _unfinished().exists() and _succeeds([str(PYTHON), "-c", ""]):
        return
    print("Making a virtual environment in .venv ...", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--clear", str(VENV)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        fail(f"Could not make a virtual environment in {VENV}:\n{(made.stderr or made.stdout).strip()}")


def pip() -> list[str]:
    """A pip that installs into `.venv`: the environment's own, else this Python's; where there is neither, it gets one."""
    inside = [str(PYTHON), "-m", "pip"]
    outside = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    for command in (inside, outside):
        if _succeeds([*command, "--version"]):
            return command
    given = subprocess.run([str(PYTHON), "-m", "ensurepip"], capture_output=True, text=True, check=False)
    if given.returncode != 0:
        fail(f"Could not put pip into {VENV}:\n{(given.stderr or given.stdout).strip()}")
    return inside


def uv() -> str | None:
    """A uv to install with: one on the path, else the environment's own, fetched if need be; None where none can be had."""
    own = str(VENV / "bin" / "uv")
    for known in (shutil.which("uv"), own):
        if known and _succeeds([known, "--version"]):
            return known
    fetched = _succeeds([*pip(), "install", "--quiet", "--no-input", "--force-reinstall", UV])
    return own if fetched and _succeeds([own, "--version"]) else None


def sources(configured: str) -> list[str]:
    """The options that make uv look where pip's configuration (what `pip config list` prints) says packages come from.

    uv takes nothing from pip's files and variables, and a company's mirror is often named only there.
    """
    said: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # the later one counts, as in pip
        for line in configured.splitlines():
            name, _, value = line.partition("=")
            if name in {f"{section}.{option}" for option in _SAME_IN_UV}:
                said[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    return [part for option, places in said.items() for place in places.split() for part in (f"--{option}", place)]


def ways_to_install() -> Iterator[list[str]]:
    """Commands to try in turn, fastest first; each takes what to install as further arguments."""
    program = uv()
    with_pip = pip()
    if program is not None:
        asked = subprocess.run([*with_pip, "config", "list"], capture_output=True, text=True, check=False)
        yield [
            program, "pip", "install", "--quiet", "--python", str(PYTHON), "--index-strategy", "unsafe-best-match",
            *sources(asked.stdout),
        ]  # fmt: skip
    yield [*with_pip, "install", "--quiet", "--disable-pip-version-check", "--no-input"]


def install(requirements: str) -> None:
    """Install the pinned requirements, what the solver is compiled with first; it compiles while the rest arrives."""
    ways = list(ways_to_install())
    print(f"Installing {requirements} ...", flush=True)
    _install(pins(FIRST), ways)
    prepare_solver()
    install_torch(wanted_build(), ways)
    _install(["--requirement", str(ROOT / requirements)], ways)


def install_torch(build: str, ways: Sequence[list[str]]) -> None:
    """Put the build of torch that is wanted in place, before what needs any build takes one.

    Only Linux has a choice. Where the packages come from may have the small build itself; else PyTorch's index does.
    Where neither does, or the large one is wanted, the requirements bring what the ordinary index has.
    """
    pinned = pins(["torch"])
    if build == "cuda" or not pinned or not sys.platform.startswith("linux"):
        return
    small = f"{pinned[0]}+cpu"
    for place in ([], ["--extra-index-url", CPU_INDEX]):
        for way in ways:
            if _succeeds([*way, *place, small], **HASTE):
                return
    print(
        f"The build of torch for CPUs could not be had: neither the configured package index has it, nor could\n"
        f"{CPU_INDEX} be used. Taking the ordinary build, which may be gigabytes with parts for GPUs.",
        flush=True,
    )


def pins(names: Sequence[str]) -> list[str]:
    """These packages in the versions that `requirements.txt` pins."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line.partition("==")[0] in names]


def prepare_solver() -> None:
    """Start compiling the solver beside the installation, for minutes, with what the processors have to spare.

    Whoever needs it next waits for this run or goes on where it ended. That it fails, or is stopped, fails nothing.
    """
    with contextlib.suppress(OSError):
        subprocess.Popen(
            [str(PYTHON), "-m", PREPARE],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=functools.partial(os.nice, 10),
        )


def _install(what: Sequence[str], ways: list[list[str]]) -> None:
    """Install this the first way that works; ways that do not are given up."""
    errors: list[str] = []
    while ways:
        if errors:
            print(f"uv failed ({errors[-1].strip()}); trying pip, which takes a minute or two ...", flush=True)
        _unfinished().write_text("An installation was cut off: the next one starts with a new environment.\n")
        done = subprocess.run([*ways[0], *what], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode < 0:
            fail(f"Installing the requirements was killed by signal {-done.returncode}. Run the same command again.")
        _unfinished().unlink()  # it ended by itself: what it began is whole or taken back
        if done.returncode == 0:
            return
        errors = [line for line in done.stderr.splitlines() if line.strip() and "WARNING" not in line] or ["no reason"]
        del ways[0]
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
    with alone():
        stamp_file = VENV / "installed"
        wanted = wanted_stamp(requirements)
        if is_finished(stamp_file, wanted):
            return
        began = time.monotonic()
        make_environment()
        install(requirements)
        if wanted_build() == "cuda" and has_cpu_build():
            print("The configured package index has only the build of torch for CPUs: training will not use the GPU.")
        kept = stamp_file.read_text().splitlines() if stamp_file.exists() else []
        stamp_file.write_text("\n".join([line for line in kept if wanted.split()[0] not in line] + [wanted]) + "\n")
        print(f"Environment ready in {time.monotonic() - began:.0f} s.", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("Interrupted. Run the same command again: it goes on where it stopped.")
