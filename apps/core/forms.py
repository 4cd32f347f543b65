"""Forms of the account pages. What they mean is decided in the services; these only read and word."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from apps.core.access import SCOPES, scopes_of
from apps.core.accounts.passwords import MAX_PASSWORD
from apps.core.models import Role, User

_SCOPE_WORDS = {
    "read": "Read everything",
    "write": "Start, change and delete what you may",
    "admin": "Act as an admin",
}
_LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("0", "until revoked")]


class SignInForm(forms.Form):
    """Name and password."""

    username = forms.CharField(
        label="Name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        max_length=MAX_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ApiKeyForm(forms.Form):
    """A new key, with the scopes its owner can give."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="Which program uses it, and where.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(label="Scopes", widget=forms.CheckboxSelectMultiple, initial=["read"])
    lifetime = forms.ChoiceField(label="Valid for", choices=_LIFETIMES, initial="90")

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = scopes_of(owner)
        choices = [(scope, _SCOPE_WORDS[scope]) for scope in SCOPES if scope in allowed]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]

    @property
    def expires_at(self) -> Any:
        """When the chosen lifetime ends; null for never."""
        days = int(self.cleaned_data["lifetime"])
        return timezone.now() + timedelta(days=days) if days else None


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has it generic in its stubs only
    """How a member is called and reached."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")
        labels = {"first_name": "Given name", "last_name": "Family name", "email": "Email"}


class InviteForm(forms.Form):
    """A new member."""

    username = forms.CharField(
        label="Name",
        max_length=150,
        help_text="What they sign in with: letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    email = forms.EmailField(label="Email", required=False, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.RESEARCHER)
