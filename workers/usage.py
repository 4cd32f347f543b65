"""What a process and everything below it use, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass

from apps.core.engine.processes import children_of

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
_MAX_PROCESSES = 4096


@dataclass(frozen=True)
class Sample:
    """CPU seconds used so far by the living and their collected dead, and resident memory now."""

    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    pids: tuple[int, ...] = ()


def sample(leader: int) -> Sample:
    """The tree below and including `leader`; zeros when it is gone. Shared pages count for each process."""
    cpu = memory = 0.0
    seen: list[int] = []
    waiting = [leader]
    while waiting and len(seen) < _MAX_PROCESSES:
        pid = waiting.pop()
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        seen.append(pid)
        cpu += sum(int(fields[index]) for index in (11, 12, 13, 14)) / _TICKS  # utime, stime, cutime, cstime
        memory += int(fields[21]) * _PAGE_MB
        waiting.extend(children_of(pid))
    return Sample(cpu, memory, tuple(seen))
