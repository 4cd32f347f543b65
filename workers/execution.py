"""One execution of one job: prepare, launch, listen, judge. Runs in a thread of its own; writes nothing itself.

What the child says waits in `words`; the worker's pulse writes it, and the last of it travels in the verdict.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from apps.core.jobs import reports
from apps.core.jobs.reports import Checkpoint, Consumed, Log, Said, Usage
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job
from workers import hardware, runners, usage
from workers.conversation import Conversation
from workers.forkserver import Child, ForkServerClient, Gone
from workers.judging import judge, judge_stop
from workers.stopping import Stop, Stopping
from workers.words import Words

logger = logging.getLogger("terrarium.workers")

_COLLECT_SECONDS = 2.0


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
        on_need: Callable[[], None] = lambda: None,
    ) -> None:
        self.job = job
        self.job_id, self.attempt = job.pk, job.attempt
        self.lock = threading.Lock()
        """Held by whoever writes for this job: the pulse or the one that settles."""
        self.settled = False
        self.words = Words(on_need=on_need)
        self._runner, self._server, self._ended = runner, server, ended
        self._place, self._meter = place, meter
        self._memory_mb = settings.CONFIG.job_memory_mb if runner.memory_mb is None else runner.memory_mb
        self._stopping = Stopping(grace_seconds=runner.grace_seconds)
        self._child: Child | None = None
        self._conversation: Conversation | None = None
        self._child_lock = threading.Lock()
        self._checkpoints: dict[int, int] = {}
        """The child's numbers of the checkpoints that wait to be written, by the identity of the report."""
        self._warned = False
        self._consumed = Usage()
        self._began = time.monotonic()
        self._sampled = usage.Sample()
        self._peak_mb = 0.0
        self._peak_gpu_mb: float | None = None

    def start(self) -> None:
        """Run in a thread."""
        threading.Thread(target=self._run, name=f"job {self.job_id}", daemon=True).start()

    @property
    def grace_seconds(self) -> float:
        """How long the work has to end once it is asked to."""
        return self._runner.grace_seconds

    # --- what is asked of it ----------------------------------------------------------------------------------------

    def request(self, stop: Stop) -> None:
        """End the work for this reason: ask it, and kill it when its time to answer is over."""
        if stop == "stop_early" and not self._runner.grace_seconds:
            self._cannot_stop_early()
            return
        news = self._stopping.request(stop)
        with self._child_lock:
            if self._child is None:
                return
            if self._stopping.is_over:
                self._server.kill(self._child)
            elif news:
                self._ask()

    def take_back(self, stop: Stop) -> None:
        """That is no longer asked; work that has not ended yet goes on."""
        if self._stopping.reason == stop and self._stopping.take_back(stop):
            with self._child_lock:
                self._ask()

    def _ask(self) -> None:
        if self._conversation is not None:
            ask, until = self._stopping.reason or "", self._stopping.kill_at or 0.0
            self._conversation.tell({"ask": ask, "until": until})

    def _cannot_stop_early(self) -> None:
        if not self._warned:
            self._warned = True
            text = "It was asked to end early, which this kind of work cannot. It goes on; cancel it to end it."
            self.words.say(Log(level="WARNING", message=text))

    # --- what it said -----------------------------------------------------------------------------------------------

    def words_written(self, said: list[Said]) -> None:
        """These words are written down and the transaction is committed."""
        self.words.written(said)
        kept = [number for one in said if (number := self._checkpoints.pop(id(one.report), None)) is not None]
        with self._child_lock:
            if self._conversation is not None:
                if kept:
                    self._conversation.tell({"kept": max(kept)})
                self._conversation.go_on()

    @property
    def is_unwritable(self) -> bool:
        """Whether what it said was given up: the database does not take it."""
        return self._stopping.reason == "unwritable"

    def with_last_words(self, verdict: Verdict) -> Verdict:
        """The verdict with what was said last. With `lock` held."""
        if self.is_unwritable:
            return verdict
        return replace(verdict, last_words=tuple(self.words.last()))

    def _hear(self, frame: Mapping[str, Any]) -> None:
        number = frame.get("number")
        try:
            report = reports.hear(str(frame.get("kind")), frame.get("payload"))
        except ValueError as error:
            self.words.say(Log(level="WARNING", message=f"A report was not understood: {error}."))
            if isinstance(number, int) and self._conversation is not None:
                self._conversation.tell({"refused": number, "why": str(error)})
            return
        if isinstance(report, Consumed):
            self._consumed = self._consumed.plus(report)
        elif isinstance(report, Checkpoint):
            report = report.model_copy(update={"seconds": self._seconds_behind()})
            if isinstance(number, int):
                self._checkpoints[id(report)] = number
            self.words.say(report)
        else:
            self.words.say(report)

    def _lines(self, lines: list[str]) -> None:
        for line in lines:
            self.words.say(Log(message=line, source="output"))

    def _seconds_behind(self) -> float:
        """The running time behind what there is now: that of the checkpoint it went on from, and since."""
        return self.job.checkpoint_seconds + time.monotonic() - self._began

    # --- what it uses -----------------------------------------------------------------------------------------------

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

    def _usage(self, child: Child | None) -> Usage:
        measured = child is not None and child.status is not None
        return replace(
            self._consumed,
            cpu_seconds=max(self._sampled.cpu_seconds, child.cpu_seconds if child and measured else 0.0),
            wall_seconds=time.monotonic() - self._began,
            peak_memory_mb=max(self._peak_mb, child.peak_memory_mb if child and measured else 0.0),
            gpu_memory_mb=self._peak_gpu_mb,
        )

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
                self._usage(None),
                error_code=type(error).__name__,
                error_message=f"The worker could not run it: {error}",
                stack_trace=traceback.format_exc(),
                retryable=True,
            )
        finally:
            connections.close_all()
            if self._place is not None:
                self._place.give_back()
        self._ended(self, None if self._stopping.reason == "fenced" else verdict)

    def _execute(self) -> Verdict:
        task = self._prepare()
        if isinstance(task, Verdict):
            return task
        connections.close_all()
        self._began = time.monotonic()
        stopped = self._judge_stop()
        if stopped is not None:
            return stopped
        child = self._server.launch(
            task, memory_mb=self._memory_mb, fresh=self._runner.fresh, environment=self._environment()
        )
        conversation = Conversation(
            child,
            hear=self._hear,
            lines=self._lines,
            is_full=lambda: self.words.is_full,
            is_over=lambda: self._stopping.is_over,
            kill=lambda: self._server.kill(child),
        )
        try:
            with self._child_lock:
                self._child, self._conversation = child, conversation
                if self._stopping.is_over:
                    self._server.kill(child)
                elif self._stopping.reason is not None:
                    self._ask()
            conversation.hold()
        finally:  # whatever happens: the slot is not free while the process runs
            with self._child_lock:  # nobody signals it any more: its descriptors may soon be another's
                self._child = self._conversation = None
            conversation.end()
            self._server.collect(child, seconds=_COLLECT_SECONDS)
        return judge(
            self.job,
            child,
            outcome=conversation.outcome,
            stop=self._stopping.reason,
            tail=conversation.tail,
            broken=conversation.broken,
            used=self._usage(child),
        )

    def _judge_stop(self) -> Verdict | None:
        return judge_stop(self.job, self._stopping.reason, self._usage(None))

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
