"""Members of the lab: who there is, what they may do, who comes and goes."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.core.access import require_role
from apps.core.accounts.keys import api_keys_revoke_all
from apps.core.accounts.links import INVITATION_LIFETIME, login_link_create
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.models import Role, User

FIRST_ADMIN = "admin"
_ADMINS = Q(role=Role.ADMIN) | Q(is_superuser=True)


def users() -> QuerySet[User]:
    """Everybody, by name."""
    return User.objects.order_by("username")


def user_get(user_id: str) -> User:
    """One member; `NotFound` otherwise."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such member.")
    return user


def first_admin_ensure() -> User:
    """The first active admin; a lab without any member gets one named `admin`, who has no password until they set it."""
    admin = User.objects.filter(_ADMINS, is_active=True).order_by("date_joined", "pk").first()
    if admin is not None:  # asked at every request in single-user mode, so without a turn to write
        return admin
    with transaction.atomic():
        try:
            with transaction.atomic():
                return _make(username=FIRST_ADMIN, email="", role=Role.ADMIN)
        except IntegrityError:
            standing = User.objects.filter(_ADMINS, username=FIRST_ADMIN, is_active=True).first()
            if standing is None:
                raise Conflict(
                    "There is no active admin, and the name 'admin' is taken. Make somebody an admin with "
                    "`python manage.py shell`, or pass --user NAME."
                ) from None
            return standing


def local_user() -> User | None:
    """In single-user mode, the admin everybody on this machine is; nothing when people sign in."""
    return None if settings.CONFIG.enable_auth else first_admin_ensure()


def user_invite(
    *, by: User, username: str, email: str = "", role: str = Role.RESEARCHER, base_url: str | None = None
) -> tuple[User, str]:
    """A new member without a password, and the link that signs them in once to set one."""
    require_role(by, Role.ADMIN)
    username, email = username.strip(), email.strip()
    try:
        User.username_validator(username)
        if email:
            validate_email(email)
    except ValidationError as error:
        raise Invalid(error.messages[0], field="email" if "mail" in error.messages[0] else "username") from None
    if len(username) > 150:
        raise Invalid("A name has at most 150 characters.", field="username")
    _known_role(role)
    if User.objects.filter(username__iexact=username).exists():
        raise Invalid(f"{username} is already a member. Choose another name.", field="username")
    try:
        with transaction.atomic():
            user = _make(username=username, email=email, role=role)
            return user, _invitation(user, base_url)
    except IntegrityError:
        if not User.objects.filter(username=username).exists():
            raise
        raise Invalid(f"{username} is already a member. Choose another name.", field="username") from None


def user_new_link(*, by: User, user: User, base_url: str | None = None) -> str:
    """Another one-time link for a member who lost theirs, or their password."""
    require_role(by, Role.ADMIN)
    if not user.is_active:
        raise Conflict(f"{user.username} is deactivated. Activate the account first.")
    return _invitation(user, base_url)


def user_role_set(*, by: User, user: User, role: str) -> User:
    """Give a member another role; the last admin stays one."""
    require_role(by, Role.ADMIN)
    _known_role(role)
    with transaction.atomic():
        if role != Role.ADMIN:
            _another_admin_than(user)
        is_admin = role == Role.ADMIN
        User.objects.filter(pk=user.pk).update(role=role, is_staff=_is_staff(role), is_superuser=is_admin)
    user.refresh_from_db()
    return user


def user_deactivate(*, by: User, user: User) -> User:
    """Shut a member's doors at once and for good: sessions, keys, tokens and links. What they made stays."""
    require_role(by, Role.ADMIN)
    with transaction.atomic():
        _another_admin_than(user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        _shut_all_doors(user)
    user.refresh_from_db()
    return user


def user_activate(*, by: User, user: User) -> User:
    """Let a member sign in again. What was shut stays shut: sessions, keys and links are made anew."""
    require_role(by, Role.ADMIN)
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            _shut_all_doors(user)  # also what was left of an account somebody deactivated by hand
    user.refresh_from_db()
    return user


def password_set(*, user: User, password: str) -> User:
    """A new password, checked against the rules; ends every other session and token of this member, and login links."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from None
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _shut_all_doors(user: User) -> None:
    """Sessions and tokens by the generation they are held against; keys and links by their rows."""
    User.objects.filter(pk=user.pk).update(access_generation=F("access_generation") + 1)
    api_keys_revoke_all(owner=user)
    user.login_links.filter(used_at__isnull=True).delete()


def _invitation(user: User, base_url: str | None) -> str:
    return login_link_create(user=user, lifetime=INVITATION_LIFETIME, loopback_only=False, base_url=base_url)


def _make(*, username: str, email: str, role: str) -> User:
    user = User(username=username, email=email, role=role, is_staff=_is_staff(role), is_superuser=role == Role.ADMIN)
    user.set_unusable_password()
    user.save(force_insert=True)
    return user


def _is_staff(role: str) -> bool:
    """Curators work in the Django admin too."""
    return role in {Role.CURATOR, Role.ADMIN}


def _known_role(role: str) -> None:
    if role not in Role.values:
        raise Invalid(f"Choose a role among {', '.join(Role.values)}.", field="role")


def _another_admin_than(user: User) -> None:
    """Locks the admins, so that two cannot remove each other at once."""
    admins = User.objects.select_for_update().filter(_ADMINS, is_active=True)
    if [admin.pk for admin in admins] == [user.pk]:
        raise Conflict("This is the last active admin. Make somebody else an admin first.")
