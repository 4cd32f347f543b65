"""Pages of the core app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.core.views import account, health, people, sign_in

app_name = "core"
urlpatterns: list[URLPattern] = [
    path("healthz", health.healthz, name="healthz"),
    path("login/", sign_in.sign_in, name="login"),
    path("login/link/<str:token>/", sign_in.sign_in_by_link, name="login-link"),
    path("logout/", sign_in.sign_out, name="logout"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/keys/", account.api_key_new, name="api-key-new"),
    path("account/keys/<str:key_id>/revoke/", account.api_key_end, name="api-key-revoke"),
    path("people/", people.people, name="users"),
    path("people/invite/", people.person_invite, name="user-invite"),
    path("people/<str:user_id>/link/", people.person_link, name="user-link"),
    path("people/<str:user_id>/role/", people.person_role, name="user-role"),
    path("people/<str:user_id>/deactivate/", people.person_deactivate, name="user-deactivate"),
    path("people/<str:user_id>/activate/", people.person_activate, name="user-activate"),
]
