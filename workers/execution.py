"""One execution of one job: prepare, launch, listen, judge. Runs in a thread of its own; writes nothing itself.

What the child says is buffered here; the supervisor's pulse writes it, and the last of it travels in the verdict.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from apps.core.jobs import reports
from apps.core.jobs.reports import Checkpoint, Consumed, Log, Progress, Report, Said, Usage
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job
from workers import hardware, runners, usage
from workers.forkserver import Child, ForkServerClient, Gone
from workers.frames import BrokenFrame, FrameReader, LineReader

logger = logging.getLogger("terrarium.workers")

Stop = Literal["cancel", "pause", "release", "timeout", "deadline", "memory", "fenced"]

MAX_BUFFERED = 2_000
MAX_SAID = 20_000
MAX_SAID_BYTES = 8 * 1024 * 1024
_LINGER_SECONDS = 5.0


class Execution:
    """A claimed job on its way through a child process."""

    def __init__(
        self,
        job: Job,
        *,
        runner: runners.Runner,
        server: ForkServerClient,
        ended: Callable[[Execution, Verdict | None], None],
        place: hardware.Place | None = None,
        meter: hardware.Meter | None = None,
    ) -> None:
        self.job = job
        self.job_id, self.attempt = job.pk, job.attempt
        self.lock = threading.Lock()
        """Held by whoever writes for this job: the pulse or the one that settles."""
        self.settled = False
        self._runner, self._server, self._ended = runner, server, ended
        self._place, self._meter = place, meter
        self._memory_mb = settings.CONFIG.job_memory_mb if runner.memory_mb is None else runner.memory_mb
        self._stop: Stop | None = None
        self._child: Child | None = None
        self._child_lock = threading.Lock()
        self._words: list[Said] = []
        self._progress: Said | None = None
        self._consumed = Usage()
        self._said = self._said_bytes = self._dropped = 0
        self._began = time.monotonic()
        self._sampled = usage.Sample()
        self._peak_mb = 0.0
        self._peak_gpu_mb: float | None = None
        self._outcome: dict[str, Any] | None = None

    def start(self) -> None:
        """Run in a thread."""
        threading.Thread(target=self._run, name=f"job {self.job_id}", daemon=True).start()

    def request(self, stop: Stop) -> None:
        """End the work for this reason; the first reason counts."""
        with self._child_lock:
            if self._stop is None:
                self._stop = stop
            child = self._child
        if child is not None:
            self._server.kill(child)

    def has_words(self) -> bool:
        """Whether something was said that has not been written."""
        return bool(self._words) or self._progress is not None

    def words(self) -> list[Said]:
        """What was said and has not been written. With `lock` held, until `words_written`."""
        return [*self._words, *([self._progress] if self._progress is not None else [])]

    def words_written(self) -> None:
        """It has been, and the transaction is committed."""
        self._words, self._progress = [], None

    def measure(self) -> Usage:
        """Look at the processes now; stops work that outgrew its memory or its time."""
        child = self._child
        if child is not None and child.pid and not child.exited.is_set():
            now = usage.sample(child.pid)
            if now.cpu_seconds >= self._sampled.cpu_seconds:
                self._sampled = now
            self._peak_mb = max(self._peak_mb, now.memory_mb)
            self._measure_device(now.pids)
            if self._memory_mb > 0 and len(now.pids) > 1 and now.memory_mb > 2 * self._memory_mb:
                self.request("memory")
        limit = self.job.timeout_seconds
        if limit is not None and self._seconds_behind() > limit:
            self.request("timeout")
        return self._usage(None)

    def _measure_device(self, pids: tuple[int, ...]) -> None:
        if self._place is None or self._meter is None:
            return
        held = self._meter.memory_mb(self._place.device, pids)
        if held is not None:
            self._peak_gpu_mb = max(self._peak_gpu_mb or 0.0, held)

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            verdict = self._execute()
        except Gone as error:
            verdict = self._judge_stop() or Verdict("lost", error_code="fork_server", error_message=str(error))
        except Exception as error:
            logger.exception("executing %s failed", self.job_id)
            verdict = self._judge_stop() or Verdict(
                "failed",
                error_code=type(error).__name__,
                error_message=f"The worker could not run it: {error}",
                stack_trace=traceback.format_exc(),
                retryable=True,
            )
        finally:
            connections.close_all()
            if self._place is not None:
                self._place.give_back()
        self._ended(self, None if self._stop == "fenced" else verdict)

    def _execute(self) -> Verdict:
        task = self._prepare()
        if isinstance(task, Verdict):
            return task
        connections.close_all()
        self._began = time.monotonic()
        if self._stop is not None:
            return self._judge_stop() or Verdict("released")
        child = self._server.launch(
            task, memory_mb=self._memory_mb, fresh=self._runner.fresh, environment=self._environment()
        )
        with self._child_lock:
            self._child = child
            stopped = self._stop is not None
        if stopped:
            self._server.kill(child)
        lines = LineReader()
        broken = self._listen(child, lines)
        self._server.collect(child, seconds=2.0)
        return self._judge(child, lines.tail, broken)

    def _environment(self) -> dict[str, str]:
        """What the child's environment says of the job and of the hardware it may use: no accelerator unless it has one."""
        return {
            "JOB_ID": self.job_id,
            "JOB_ATTEMPT": str(self.attempt),
            **hardware.thread_variables(self._runner.threads, fresh=self._runner.fresh),
            **(self._place.variables() if self._place is not None else {"CUDA_VISIBLE_DEVICES": ""}),
        }

    def _prepare(self) -> runners.ChildTask | Verdict:
        assert self._runner.prepare is not None
        try:
            return self._runner.prepare(self.job)
        except (OperationalError, InterfaceError) as error:
            return Verdict("lost", error_code="database", error_message=f"Preparing it failed: {error}")
        except Exception as error:
            return Verdict(
                "failed",
                error_code=str(getattr(error, "code", "") or type(error).__name__),
                error_message=f"Preparing it failed: {error}",
                stack_trace=traceback.format_exc(),
                retryable=bool(getattr(error, "retryable", False)),
            )

    def _listen(self, child: Child, lines: LineReader) -> str:
        """Read both pipes until the process is gone and they are empty. Returns what was broken, if anything."""
        frames = FrameReader()
        broken = ""
        linger: float | None = None
        with selectors.DefaultSelector() as selector:
            for descriptor in (child.report, child.output):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            if child.pidfd >= 0:
                selector.register(child.pidfd, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(0.5)}
                gone = child.has_exited()
                for descriptor in (child.report, child.output):
                    if descriptor not in selector.get_map() or not (gone or descriptor in ready):
                        continue
                    data = _read(descriptor)
                    if data is None:
                        continue
                    if not data:
                        selector.unregister(descriptor)
                    elif descriptor == child.output:
                        self._output(lines.feed(data))
                    else:
                        broken = broken or self._frames(frames, data)
                    gone = gone and not data
                if broken:
                    self._server.kill(child)
                if gone:
                    self._output(lines.feed(b"", end=True))
                    return broken
                if self._outcome is not None:
                    linger = linger or time.monotonic() + _LINGER_SECONDS
                    if time.monotonic() > linger:
                        self._server.kill(child)

    def _frames(self, frames: FrameReader, data: bytes) -> str:
        try:
            for frame in frames.feed(data):
                match frame.get("type"):
                    case "report":
                        self._report(str(frame.get("kind")), frame.get("payload"))
                    case "result" | "error":
                        self._outcome = self._outcome or frame
        except BrokenFrame as error:
            return str(error)
        return ""

    # --- what is said -----------------------------------------------------------------------------------------------

    def _report(self, kind: str, payload: Any) -> None:
        try:
            report = reports.hear(kind, payload)
        except ValueError as error:
            self._say(Log(level="WARNING", message=f"A report was not understood: {error}."))
            return
        if isinstance(report, Progress):
            with self.lock:
                self._progress = Said(report, timezone.now())
        elif isinstance(report, Consumed):
            self._consumed = self._consumed.plus(report)
        elif isinstance(report, Checkpoint):
            self._say(report.model_copy(update={"seconds": self._seconds_behind()}))
        else:
            self._say(report)

    def _seconds_behind(self) -> float:
        """The running time behind what there is now: that of the checkpoint it went on from, and since."""
        return self.job.checkpoint_seconds + time.monotonic() - self._began

    def _output(self, lines: list[str]) -> None:
        for line in lines:
            self._say(Log(message=line, source="output"))

    def _say(self, report: Report) -> None:
        size = len(str(report.stored()))
        if len(self._words) >= MAX_BUFFERED or self._said >= MAX_SAID or self._said_bytes + size > MAX_SAID_BYTES:
            self._dropped += 1
            return
        self._said += 1
        self._said_bytes += size
        with self.lock:
            self._words.append(Said(report, timezone.now()))

    # --- the verdict ------------------------------------------------------------------------------------------------

    def with_last_words(self, verdict: Verdict) -> Verdict:
        """The verdict with what was said last, and a word about what was too much. With `lock` held."""
        said = self.words()
        if self._dropped:
            text = f"{self._dropped} entries were left out: it said more than is kept."
            said.append(Said(Log(level="WARNING", message=text), timezone.now()))
        return replace(verdict, last_words=tuple(said))

    def _judge(self, child: Child, tail: str, broken: str) -> Verdict:
        used = self._usage(child)
        outcome = self._outcome
        if outcome is not None and outcome["type"] == "result":
            result = outcome["result"]
            return Verdict("completed", used, result=result if isinstance(result, dict) else {"value": result})
        stopped = self._judge_stop(used)
        if stopped is not None:
            return stopped
        if outcome is not None:
            return Verdict(
                "failed",
                used,
                error_code=str(outcome.get("code", "error")),
                error_message=str(outcome.get("message", "")),
                stack_trace=str(outcome.get("trace", "")),
                retryable=bool(outcome.get("retryable")),
            )
        if broken:
            return Verdict(
                "failed", used, error_code="broken_pipe", error_message=f"It wrote {broken}.", retryable=True
            )
        if child.orphaned or child.status is None:
            return Verdict("lost", used, error_code="fork_server", error_message="The fork server went away under it.")
        if os.WIFSIGNALED(child.status):
            name = signal.Signals(os.WTERMSIG(child.status)).name
            text = f"Its process was killed by {name}."
            return Verdict("killed", used, error_code="killed", error_message=text, stack_trace=tail)
        text = f"Its process exited with status {os.WEXITSTATUS(child.status)} and no result."
        return Verdict("failed", used, error_code="exited", error_message=text, stack_trace=tail, retryable=True)

    def _judge_stop(self, used: Usage | None = None) -> Verdict | None:
        """The verdict when we ended it ourselves."""
        used = used or self._usage(None)
        match self._stop:
            case "cancel":
                return Verdict("cancelled", used, error_code="cancelled", error_message="Cancelled while it ran.")
            case "pause":
                return Verdict("paused", used)
            case "release":
                return Verdict("released", used, error_code="released", error_message="Its worker was stopped.")
            case "timeout":
                text = f"It took longer than {self.job.timeout_seconds:g} seconds."
                return Verdict("timeout", used, error_code="timeout", error_message=text)
            case "deadline":
                text = "Its deadline passed while it ran."
                return Verdict("timeout", used, error_code="deadline", error_message=text)
            case "memory":
                text = f"It used more than {2 * self._memory_mb} MB with all its processes."
                return Verdict("failed", used, error_code="out_of_memory", error_message=text)
            case "fenced":
                return Verdict("lost", used)
        return None

    def _usage(self, child: Child | None) -> Usage:
        measured = child is not None and child.status is not None
        return replace(
            self._consumed,
            cpu_seconds=max(self._sampled.cpu_seconds, child.cpu_seconds if child and measured else 0.0),
            wall_seconds=time.monotonic() - self._began,
            peak_memory_mb=max(self._peak_mb, child.peak_memory_mb if child and measured else 0.0),
            gpu_memory_mb=self._peak_gpu_mb,
        )


def _read(descriptor: int) -> bytes | None:
    """What is there now: None when nothing is, empty at the end."""
    try:
        return os.read(descriptor, 262_144)
    except BlockingIOError:
        return None
    except OSError:
        return b""
