"""Accounts: members of the lab, and the doors they and their programs come in by."""

from apps.core.accounts.keys import api_key_create, api_key_revoke, api_keys
from apps.core.accounts.links import link_for, login_link_consume, login_link_create, login_link_peek
from apps.core.accounts.people import (
    local_user,
    user_activate,
    user_deactivate,
    user_ensure_admin,
    user_invite,
    user_role_set,
    users,
)
from apps.core.accounts.sign_in import check_password_throttled
from apps.core.accounts.tokens import Principal, authenticate_bearer, token_create

__all__ = [
    "Principal",
    "api_key_create",
    "api_key_revoke",
    "api_keys",
    "authenticate_bearer",
    "check_password_throttled",
    "link_for",
    "local_user",
    "login_link_consume",
    "login_link_create",
    "login_link_peek",
    "token_create",
    "user_activate",
    "user_deactivate",
    "user_ensure_admin",
    "user_invite",
    "user_role_set",
    "users",
]
