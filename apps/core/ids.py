"""Public ids: a prefix that says what it is, then 26 characters that sort by time of creation."""

from __future__ import annotations

import secrets
import time
from functools import partial

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS, _RANDOM_BITS = 48, 82


def new_id(prefix: str) -> str:
    """`<prefix>_<26 characters>`: milliseconds since 1970 (48 bits) then 82 random bits, in Crockford base 32."""
    value = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    digits = []
    for _ in range(26):
        digits.append(_ALPHABET[value & 31])
        value >>= 5
    return f"{prefix}_{''.join(reversed(digits))}"


new_user_id = partial(new_id, "user")
new_api_key_id = partial(new_id, "key")
new_login_link_id = partial(new_id, "link")
new_job_id = partial(new_id, "job")
new_experiment_id = partial(new_id, "exp")
new_run_id = partial(new_id, "run")
new_solve_id = partial(new_id, "solve")
new_submission_id = partial(new_id, "sub")
new_family_id = partial(new_id, "fam")
new_draft_id = partial(new_id, "draft")
