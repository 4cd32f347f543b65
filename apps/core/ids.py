"""Public ids: a prefix that says what it is, then 26 characters that sort by time of creation."""

from __future__ import annotations

import secrets
import threading
import time
from functools import partial

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 82
_STEP_BITS = 64
_lock = threading.Lock()
_last = 0


def new_id(prefix: str, mark: str = "_") -> str:
    """`<prefix>_<26 characters>`, or with another mark between: milliseconds since 1970 (48 bits) then 82 random bits, in Crockford base 32.

    Those of one process ascend, also within a millisecond and when the clock is set back.
    """
    global _last
    with _lock:
        value = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        if value <= _last:
            value = _last + 1 + secrets.randbits(_STEP_BITS)
        _last = value
    digits = []
    for _ in range(26):
        digits.append(_ALPHABET[value & 31])
        value >>= 5
    return f"{prefix}{mark}{''.join(reversed(digits))}"


new_user_id = partial(new_id, "user")
new_api_key_id = partial(new_id, "key")
new_login_link_id = partial(new_id, "link")
new_job_id = partial(new_id, "job")
new_service_id = partial(new_id, "svc")
new_experiment_id = partial(new_id, "exp")
new_run_id = partial(new_id, "run")
new_solve_id = partial(new_id, "solve")
new_submission_id = partial(new_id, "sub")
new_family_id = partial(new_id, "fam")
new_import_id = partial(new_id, "import")
new_dataset_id = partial(new_id, "dataset", "-")
new_upload_id = partial(new_id, "upload")
new_training_id = partial(new_id, "job", "-")
new_model_id = partial(new_id, "model", "-")
