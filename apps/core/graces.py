"""How long things get to end of their own accord, from the inside out. Each waits longer than what it contains may take.

`compose.yaml` grants its workers more than `WORKER`; a test holds all of them against each other.
"""

WORK = 60.0
"""The most that a runner may grant its work to write a checkpoint."""
WORKER = WORK + 10.0
"""A worker that was told to stop: its work ends, what that said is written, its jobs go back."""
MACHINE = WORKER + 5.0
"""`make run` that was told to stop: its worker and its web server end."""
