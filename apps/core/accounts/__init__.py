"""Accounts: members of the lab, and the doors they and their programs come in by."""

from apps.core.accounts.admission import Admission, mark_of, those_that_hold
from apps.core.accounts.keys import api_key_create, api_key_of, api_key_revoke, api_keys, find_key
from apps.core.accounts.links import login_link_consume, login_link_create, login_link_peek
from apps.core.accounts.people import (
    first_admin_ensure,
    local_user,
    password_set,
    user_activate,
    user_deactivate,
    user_get,
    user_invite,
    user_new_link,
    user_role_set,
    users,
)
from apps.core.accounts.sign_in import check_password_throttled
from apps.core.accounts.tokens import TOKEN_LIFETIME, Principal, authenticate_bearer, token_create

__all__ = [
    "TOKEN_LIFETIME",
    "Admission",
    "Principal",
    "api_key_create",
    "api_key_of",
    "api_key_revoke",
    "api_keys",
    "authenticate_bearer",
    "check_password_throttled",
    "find_key",
    "first_admin_ensure",
    "local_user",
    "login_link_consume",
    "login_link_create",
    "login_link_peek",
    "mark_of",
    "password_set",
    "those_that_hold",
    "token_create",
    "user_activate",
    "user_deactivate",
    "user_get",
    "user_invite",
    "user_new_link",
    "user_role_set",
    "users",
]
