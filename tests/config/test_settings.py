"""Settings are read once, checked, and take effect; each is documented."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from config.env import AppConfig, ConfigurationError, read_config

ROOT = Path(__file__).resolve().parents[2]
SECRET = "fK3_9aZ-" * 8
PRODUCTION = {
    "TERRARIUM_ENV": "production",
    "TERRARIUM_SECRET_KEY": SECRET,
    "TERRARIUM_JWT_SECRET_KEY": SECRET,
    "TERRARIUM_PUBLIC_URL": "https://lab.example.org",
    "TERRARIUM_TRUSTED_PROXIES": "10.0.0.2",
}


def environment(storage: Path, values: dict[str, str]) -> dict[str, str]:
    """This environment without our own variables, and with those given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TERRARIUM_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    return {**kept, "TERRARIUM_STORAGE_ROOT": str(storage), **values}


def run(storage: Path, values: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment(storage, values),
        capture_output=True,
        text=True,
        check=False,
    )


def settings_with(storage: Path, names: str, **values: str) -> Any:
    """Django's settings of those names as a process with these variables has them."""
    code = f"import json, config.settings as s; print(json.dumps({{n: getattr(s, n) for n in {names.split()}}}, default=str))"
    done = run(storage, values, "-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_needs_to_be_set() -> None:
    config = read_config({})
    assert config == AppConfig()
    assert (config.api_host, config.api_port, config.api_workers, config.enable_auth) == ("127.0.0.1", 8000, 1, True)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TERRARIUM_API_PORT", "80000", "less than or equal to 65535"),
        ("TERRARIUM_API_PORT", "http", "valid integer"),
        ("TERRARIUM_API_WORKERS", "0", "greater than or equal to 1"),
        ("TERRARIUM_ENV", "staging", "'embedded' or 'production'"),
        ("TERRARIUM_SECRET_KEY", "short", "at least 32"),
        ("TERRARIUM_JWT_SECRET_KEY", "short", "at least 32"),
        ("DATABASE_URL", "mysql://x", "use postgresql://"),
        ("REDIS_URL", "memcached://x", "use redis://"),
        ("TERRARIUM_PUBLIC_URL", "lab.example.org", "https://lab.example.org"),
        ("TERRARIUM_PUBLIC_URL", "https://lab.example.org/path", "without a path"),
        ("TERRARIUM_ALLOWED_HOSTS", "*", "without scheme, path or wildcard"),
        ("TERRARIUM_ALLOWED_HOSTS", "https://a.b", "without scheme, path or wildcard"),
        ("TERRARIUM_LOG_LEVEL", "LOUD", "'DEBUG'"),
        ("TERRARIUM_ENABLE_AUTH", "maybe", "valid boolean"),
        ("TERRARIUM_LEASE_SECONDS", "1", "greater than or equal to 2"),
        ("TERRARIUM_MAX_CONCURRENT_JOBS", "0", "greater than or equal to 1"),
        ("TERRARIUM_TRUSTED_PROXIES", "*", "list addresses or networks"),
        ("TERRARIUM_TRUSTED_PROXIES", "proxy.example.org", "list addresses or networks"),
        ("TERRARIUM_TRUSTED_PROXIES", "10.0.0.2/24", "list addresses or networks"),
        ("TERRARIUM_TRUSTED_PROXIES", "10.0.0.2, 0.0.0.0/0", "not everybody"),
        ("TERRARIUM_TRUSTED_PROXIES", "::/0", "not everybody"),
        ("TERRARIUM_LOGIN_ATTEMPTS_PER_HOUR", "0", "greater than or equal to 1"),
        ("FORWARDED_ALLOW_IPS", "*", "TERRARIUM_TRUSTED_PROXIES"),
    ],
)
def test_an_unusable_value_stops_the_start_with_its_name_and_a_remedy(variable: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        read_config({variable: value})
    text = str(stopped.value)
    assert variable in text
    assert says in text
    assert "docs/settings.md" in text


def test_a_misspelt_name_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="TERRARIUM_API_PROT"):
        read_config({"TERRARIUM_API_PROT": "1"})


def test_an_empty_value_is_the_default() -> None:
    assert read_config({"TERRARIUM_API_PORT": "", "DATABASE_URL": ""}) == AppConfig()


def test_single_user_mode_is_for_loopback_only() -> None:
    assert read_config({"TERRARIUM_ENABLE_AUTH": "false", "TERRARIUM_API_HOST": "::1"}).enable_auth is False
    with pytest.raises(ConfigurationError, match="needs a loopback TERRARIUM_API_HOST"):
        read_config({"TERRARIUM_ENABLE_AUTH": "false", "TERRARIUM_API_HOST": "0.0.0.0"})
    with pytest.raises(ConfigurationError, match="no proxy may bring others"):
        read_config({"TERRARIUM_ENABLE_AUTH": "false", "TERRARIUM_TRUSTED_PROXIES": "127.0.0.1"})


def test_every_setting_has_a_row_in_the_documentation_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    fields = {
        (name.upper() if name in {"database_url", "redis_url"} else f"TERRARIUM_{name.upper()}"): field.default
        for name, field in AppConfig.model_fields.items()
    }
    assert set(rows) == set(fields)
    for variable, default in fields.items():
        if default not in (None, ""):
            said = str(default).lower() if isinstance(default, bool) else str(default)
            assert rows[variable] == f"`{said}`", variable


def test_every_setting_is_used_somewhere() -> None:
    code = "".join(
        path.read_text()
        for folder in ("apps", "workers", "config")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "env.py"
    )
    code += "storage_root logs_dir models_dir"  # through the properties storage_path, logs_path and models_path
    unused = [name for name in AppConfig.model_fields if not re.search(rf"\b{name}\b", code)]
    assert unused == []


def test_the_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: settings_with(tmp_path, "SECRET_KEY JWT_SECRET_KEY"), range(3)))
    assert found[0] == found[1] == found[2], "processes that start at once agree"
    assert found[0]["SECRET_KEY"] != found[0]["JWT_SECRET_KEY"]
    for name in ("secret_key", "jwt_secret_key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "secret" in path.name) == ["jwt_secret_key", "secret_key"]


def test_a_damaged_secret_and_a_folder_that_cannot_be_made_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("cut")
    damaged = run(tmp_path, {}, "-c", "import config.settings")
    assert damaged.returncode != 0
    assert "is damaged: delete it" in damaged.stderr
    nowhere = run(Path("/proc/nowhere"), {}, "-c", "import config.settings")
    assert "TERRARIUM_STORAGE_ROOT: /proc/nowhere cannot be made" in nowhere.stderr
    assert "Traceback" not in damaged.stderr + nowhere.stderr


def test_embedded_defaults_take_effect(tmp_path: Path) -> None:
    found = settings_with(
        tmp_path,
        "DATABASES CELERY_BROKER_URL ALLOWED_HOSTS SESSION_COOKIE_SECURE SECURE_SSL_REDIRECT DEBUG LOGGING LOGS_DIR",
    )
    assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "terrarium.sqlite3")
    assert found["CELERY_BROKER_URL"].startswith("filesystem://")
    assert set(found["ALLOWED_HOSTS"]) == {"127.0.0.1", "localhost", "[::1]"}
    assert found["SESSION_COOKIE_SECURE"] is found["SECURE_SSL_REDIRECT"] is found["DEBUG"] is False
    assert found["LOGGING"]["root"]["level"] == "INFO"
    assert found["LOGS_DIR"] == str(tmp_path / "logs")


def test_each_variable_reaches_what_it_sets(tmp_path: Path) -> None:
    found = settings_with(
        tmp_path,
        "DATABASES CELERY_BROKER_URL CACHES ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS SECRET_KEY JWT_SECRET_KEY DEBUG LOGGING LOGS_DIR "
        "SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SECURE_HSTS_SECONDS",
        DATABASE_URL="postgresql://us%40er:p%3Aw@db.example:5433/lab?sslmode=require",
        REDIS_URL="redis://cache.example:6379/2",
        TERRARIUM_ALLOWED_HOSTS="one.example, two.example",
        TERRARIUM_PUBLIC_URL="https://lab.example.org:8443/",
        TERRARIUM_SECRET_KEY=SECRET,
        TERRARIUM_JWT_SECRET_KEY=SECRET[::-1],
        TERRARIUM_DEBUG="true",
        TERRARIUM_LOG_LEVEL="ERROR",
        TERRARIUM_LOGS_DIR=str(tmp_path / "elsewhere"),
        TERRARIUM_SECURE_COOKIES="true",
    )
    database = found["DATABASES"]["default"]
    assert (database["USER"], database["PASSWORD"], database["HOST"], database["PORT"], database["NAME"]) == (
        "us@er", "p:w", "db.example", "5433", "lab",
    )  # fmt: skip
    assert database["OPTIONS"]["sslmode"] == "require"
    assert found["CELERY_BROKER_URL"] == found["CACHES"]["default"]["LOCATION"] == "redis://cache.example:6379/2"
    assert {"one.example", "two.example", "lab.example.org"} <= set(found["ALLOWED_HOSTS"])
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://lab.example.org:8443"]
    assert (found["SECRET_KEY"], found["JWT_SECRET_KEY"]) == (SECRET, SECRET[::-1])
    assert found["DEBUG"] is True
    assert found["LOGGING"]["root"]["level"] == "ERROR"
    assert found["LOGS_DIR"] == str(tmp_path / "elsewhere")
    assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] > 0
    assert not (tmp_path / "secret_key").exists()


def test_production_is_clean_under_djangos_deployment_checks(tmp_path: Path) -> None:
    done = run(tmp_path, PRODUCTION, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"TERRARIUM_SECRET_KEY": ""}, "TERRARIUM_SECRET_KEY: production needs one"),
        ({"TERRARIUM_PUBLIC_URL": ""}, "terrarium.E001"),
        ({"TERRARIUM_DEBUG": "true"}, "terrarium.E002"),
        ({"TERRARIUM_ENABLE_AUTH": "false", "TERRARIUM_TRUSTED_PROXIES": ""}, "terrarium.E003"),
        ({"TERRARIUM_API_WORKERS": "2"}, "terrarium.W004"),
        ({"TERRARIUM_TRUSTED_PROXIES": ""}, "terrarium.W005"),
    ],
)
def test_production_says_what_it_lacks(tmp_path: Path, change: dict[str, str], says: str) -> None:
    done = run(tmp_path, {**PRODUCTION, **change}, "manage.py", "check", "--fail-level", "WARNING")
    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


_ASK = """
import asyncio, json, httpx
from config.asgi import application

async def ask(peer, path, host, **headers):
    door = httpx.ASGITransport(app=application, client=(peer, 4711))
    async with httpx.AsyncClient(transport=door, base_url=f"http://{host}") as client:
        answer = await client.get(path, headers=headers)
    return [answer.status_code, answer.headers.get("location"), answer.headers.get("strict-transport-security")]

async def all():
    https = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
    return [
        await ask("203.0.113.7", "/login/", "lab.example.org"),
        await ask("203.0.113.7", "/login/", "lab.example.org", **https),
        await ask("10.0.0.2", "/login/", "lab.example.org", **https),
        await ask("127.0.0.1", "/healthz", "127.0.0.1:8000"),
    ]

print(json.dumps(asyncio.run(all())))
"""


def test_production_sends_people_to_https_and_still_answers_the_probe(tmp_path: Path) -> None:
    done = run(tmp_path, {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", _ASK)
    assert done.returncode == 0, done.stderr
    plain, claimed, proxied, probe = json.loads(done.stdout)
    assert plain == claimed == [301, "https://lab.example.org/login/", None], "a claim of one's own is not believed"
    assert (proxied[0], "max-age=31536000" in proxied[2]) == (200, True)
    assert probe[0] == 200


def test_the_web_server_binds_where_the_settings_say(settings: Any) -> None:
    from apps.lab.management.commands.up import Command

    settings.CONFIG = settings.CONFIG.model_copy(update={"api_host": "::1", "api_port": 8123, "api_workers": 3})
    web = list(Command()._processes()[0].command)
    assert [web[web.index(option) + 1] for option in ("--host", "--port", "--workers")] == ["::1", "8123", "3"]
