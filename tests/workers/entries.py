"""Work for the tests of the worker: what children are asked to do. Free of Django, as every entry is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from workers.inside import HEADER, MAX_FRAME, Report

SHOWN = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "CUDA_VISIBLE_DEVICES")


class Busy(Exception):
    """Something that may go away by itself."""

    retryable = True


def _wait(arguments: dict[str, Any]) -> None:
    """Until a file is there that lets the work go on."""
    while arguments.get("wait_for") and not os.path.exists(arguments["wait_for"]):
        time.sleep(0.02)


def nap(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Sleep and say so."""
    report("log", {"level": "INFO", "message": "lying down"})
    time.sleep(arguments.get("seconds", 0.0))
    _wait(arguments)
    report("progress", {"fraction": 1.0, "note": "rested"})
    return {"pid": os.getpid(), "ppid": os.getppid(), **{k: v for k, v in arguments.items() if k != "seconds"}}


def counted(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Work a little, speaking; the result says which execution it is from."""
    for step in range(arguments["steps"]):
        report("log", {"level": "INFO", "message": f"step {step}"})
        time.sleep(arguments["seconds"] / arguments["steps"])
    return {"n": arguments["n"], "attempt": int(os.environ["JOB_ATTEMPT"])}


def chat(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Say many things."""
    for number in range(arguments["lines"]):
        report("log", {"level": "debug", "message": f"line {number}"})
    print("on standard output\x00")
    print("on standard error", file=sys.stderr)
    report("metrics", {"step": 1, "loss": 0.5})
    report("metrics", {"step": 2, "metrics": {"loss": float("nan"), "accuracy": 0.25}})
    return {}


def fail(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Raise."""
    raise Busy("come back later") if arguments.get("retryable") else ValueError("no such colour")


def die(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Be killed."""
    print("last words")
    os.kill(os.getpid(), arguments.get("signal", signal.SIGKILL))
    return {}


def leave(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Exit without a result."""
    os._exit(3)


def burn(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Use CPU time here and in a process of its own."""
    loop = f"import time; t = time.process_time()\nwhile time.process_time() - t < {arguments['seconds']}: pass"
    subprocess.run([sys.executable, "-c", loop], check=True)
    began = time.process_time()
    while time.process_time() - began < arguments["seconds"]:
        pass
    return {}


def hoard(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Use memory."""
    held = bytearray(arguments["mb"] * 1024 * 1024)
    held[::4096] = b"x" * len(held[::4096])
    return {"bytes": len(held)}


def spawn(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Start processes that try to outlive everybody, then sleep."""
    script = "import os, time; os.setsid(); os.fork(); time.sleep(120)"
    started = [subprocess.Popen([sys.executable, "-c", script, arguments["mark"]]) for _ in range(2)]
    report("log", {"level": "INFO", "message": f"started {[one.pid for one in started]}"})
    _wait(arguments)
    return {}


def unwritable(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Return what is no JSON."""
    return {"bad": float("nan")}


def surroundings(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Tell where it runs, when it may."""
    _wait(arguments)
    return {
        "django": any(name == "django" or name.startswith("django.") for name in sys.modules),
        "numpy": "numpy" in sys.modules,
        "threads": len(os.listdir("/proc/self/task")),
        "session_leader": os.getsid(0) == os.getpid(),
        "stdin": os.readlink("/proc/self/fd/0"),
        "job": os.environ.get("JOB_ID"),
        "environment": {name: os.environ.get(name) for name in SHOWN},
        "descriptors": sorted(os.listdir("/proc/self/fd"), key=int),
    }


def count(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Report numbers, as fast as they are taken."""
    for step in range(arguments["reports"]):
        report("metrics", {"step": step, "loss": 1.0 / (step + 1)})
    return {"reports": arguments["reports"]}


def stubborn(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Hear everything and go on."""
    report("log", {"message": "ready"})
    while True:
        if asked := report.asked(wait=0.05):
            report("log", {"message": f"asked to {asked}; no"})
            time.sleep(120)


def hesitant(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Wait to be asked, then for that to be taken back."""
    report("log", {"message": "ready"})
    while not (asked := report.asked(wait=0.05)):
        pass
    report("log", {"message": f"asked: {asked}"})
    while report.asked():
        time.sleep(0.02)
    return {"left": report.seconds_left() > 1e9}


def careless(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Name a checkpoint that cannot be one."""
    number = report.checkpoint(step=1, artefact="the one on my desk")
    while report.kept < number:
        time.sleep(0.02)
    return {}


def quitter(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Stop although nobody asked."""
    report.stop()


def scrawl(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Write what is no frame, then stay."""
    written = {
        "deep": b'{"type": "report", "kind": "log", "payload": ' + b'{"a": ' * 150 + b"1" + b"}" * 151,
        "abyss": b"[" * 500_000 + b"]" * 500_000,
        "noise": b"nothing at all",
        "list": b"[1, 2]",
    }
    body = written.get(arguments["how"], b"")
    length = MAX_FRAME + 1 if arguments["how"] == "long" else len(body)
    data = HEADER.pack(length) + body
    while data:
        data = data[os.write(report._report_fd, data) :]
    time.sleep(120)
    return {}


def collapse() -> None:
    """Take the process down that loads it."""
    os.kill(os.getpid(), signal.SIGKILL)
