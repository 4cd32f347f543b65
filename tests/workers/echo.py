"""A small service for the tests: an HTTP server that says who it is, and misbehaves when it is told to.

python -m tests.workers.echo '{"mood": "..."}'
"""

from __future__ import annotations

import json
import os
import signal
import socketserver
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

SAID: dict[str, Any] = json.loads(sys.argv[1])


class Echo(BaseHTTPRequestHandler):
    """Answers those who bring the secret."""

    deaf = False

    def address_string(self) -> str:
        """Of a socket there is none."""
        return "somebody"

    def do_GET(self) -> None:
        """Health, what it is, or a way to misbehave."""
        if self.headers.get("Authorization") != f"Bearer {os.environ['SERVICE_SECRET']}":
            self.send_error(403)
            return
        if self.path == "/die":
            print("what a world", file=sys.stderr, flush=True)
            os._exit(3)
        if self.path == "/deaf":
            Echo.deaf = True
        if self.path == "/health" and Echo.deaf:
            self.send_error(503)
            return
        names = ("SERVICE_ID", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
        body = json.dumps({"pid": os.getpid(), "said": SAID, **{name: os.environ[name] for name in names}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class OnSocket(socketserver.UnixStreamServer):
    """An HTTP server that listens on a Unix socket."""


def main() -> None:
    """Serve."""
    mood = SAID.get("mood", "")
    print(f"an echo in the mood {mood!r}", flush=True)
    if mood == "broken":
        print("no such colour", file=sys.stderr, flush=True)
        sys.exit(3)
    if mood == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "mark" in SAID:  # with a child that leaves its session, and one that does not
        for elsewhere in (True, False):
            command = [sys.executable, "-c", "import time; time.sleep(600)", SAID["mark"]]
            subprocess.Popen(command, start_new_session=elsewhere)
    if mood == "hungry":
        hoard = bytearray(200_000_000)
        hoard[::4096] = b"x" * len(hoard[::4096])
    if mood == "silent":
        time.sleep(600)
    if os.environ["SERVICE_SOCKET"]:
        OnSocket(os.environ["SERVICE_SOCKET"], Echo).serve_forever()
    HTTPServer((os.environ["SERVICE_HOST"], int(os.environ["SERVICE_PORT"])), Echo).serve_forever()


if __name__ == "__main__":
    main()
