"""Django's settings, derived from `config.env` alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config.env import BASE_DIR, AppConfig, ConfigurationError, read_config

CONFIG: AppConfig = read_config()
VERSION = "0.1.0"
VAR_DIR = CONFIG.storage_path
LOGS_DIR = CONFIG.logs_path


def _own_folder(path: Path, variable: str) -> None:
    """Make a folder of ours, or say which variable to correct."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{variable}: {path} cannot be made ({error.strerror}). Name a folder this user can write."
        ) from None


def _kept_secret(name: str) -> str:
    """A secret made once and kept in the storage folder, readable by its owner only.

    Linked into place when whole, so that of several processes starting at once all read the same.
    """
    path = VAR_DIR / name
    if not path.exists():
        draft = VAR_DIR / f".{name}.{os.getpid()}"
        try:
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        except OSError as error:
            raise ConfigurationError(
                f"TERRARIUM_STORAGE_ROOT: {path} cannot be written ({error.strerror}). Name a folder this user can write."
            ) from None
        finally:
            draft.unlink(missing_ok=True)
    value = path.read_text().strip()
    if len(value) < 32:
        raise ConfigurationError(f"{path} is damaged: delete it and start again (everybody is signed out).")
    return value


_own_folder(VAR_DIR, "TERRARIUM_STORAGE_ROOT")
IS_PRODUCTION = CONFIG.env == "production"
if IS_PRODUCTION and not CONFIG.secret_key:
    raise ConfigurationError("TERRARIUM_SECRET_KEY: production needs one, at least 50 random characters.")
SECRET_KEY = CONFIG.secret_key or _kept_secret("secret_key")
JWT_SECRET_KEY = CONFIG.jwt_secret_key or _kept_secret("jwt_secret_key")
DEBUG = CONFIG.debug
_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]  # probes ask from the machine itself
ALLOWED_HOSTS = [*_LOOPBACK, *(host.strip() for host in CONFIG.allowed_hosts.split(",") if host.strip())]
CSRF_TRUSTED_ORIGINS: list[str] = []
if CONFIG.public_url:
    _public = urlsplit(CONFIG.public_url)
    ALLOWED_HOSTS.append(_public.hostname or "")
    CSRF_TRUSTED_ORIGINS.append(f"{_public.scheme}://{_public.netloc}")
elif not CONFIG.allowed_hosts:
    ALLOWED_HOSTS.append(CONFIG.api_host)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "channels",
    "ninja",
    "apps.core",
    "apps.tasks",
    "apps.carbon",
    "apps.experiments",
    "apps.training",
    "apps.lab",
    "workers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "apps.core.staticfiles.StaticFilesMiddleware",
    "apps.core.timing.ServerTimingMiddleware",
    "apps.core.staticfiles.CompressionMiddleware",
    "apps.core.middleware.SecurityHeadersMiddleware",
    "apps.core.middleware.FailuresMiddleware",
    "apps.core.sessions.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "apps.core.middleware.FormGateMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.core.middleware.SingleUserMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.core.live.middleware.LiveCursorMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


_PRAGMAS = """
    PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY;
    PRAGMA wal_autocheckpoint=8000; PRAGMA journal_size_limit=67108864;
"""
"""With the checkpoint SQLite takes by itself (every 1,000 pages) a busy queue waits for the disk half of its time."""


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "apps.core.databases.sqlite",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": _PRAGMAS,
        },
        "TEST": {"NAME": os.environ.get("TEST_SQLITE_PATH") or None},
    }


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "apps.core.databases.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # Waited for again while the server answers: see the backend. A pool that gave up soon tries anew when asked.
            "pool": {"min_size": 1, "max_size": 16, "timeout": 1.5, "reconnect_timeout": 2},
            "connect_timeout": 2,
            "tcp_user_timeout": 10_000,
            "options": "-c jit=off",  # compiling a statement takes longer than any of ours
            **dict(parse_qsl(parts.query)),
        },
    }


if CONFIG.is_postgres:
    DATABASES = {"default": _postgres(CONFIG.database_url or "")}
else:
    _path = urlsplit(CONFIG.database_url).path if CONFIG.database_url else ""
    DATABASES = {"default": _sqlite(Path(_path) if _path else VAR_DIR / "terrarium.sqlite3")}

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["apps.core.accounts.backend.RoleBackend"]
READ_WHOLE_MAX = 2_621_440  # of a body that is one text: JSON, or a form without files
DATA_UPLOAD_MAX_MEMORY_SIZE = 33_554_432  # of the fields beside files: tasks are pasted, folders tell where files lay
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000  # by program, each of 20,000 files says in a field where it lay
LOGIN_URL = "core:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "core:login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "apps.core.accounts.passwords.UsableLater"},
]

_https = IS_PRODUCTION if CONFIG.secure_cookies is None else CONFIG.secure_cookies
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "apps.core.views.errors.csrf_failure"

FILE_UPLOAD_HANDLERS = ["apps.core.uploads.OneFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = None  # the handler counts, and says so without losing the form

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
with contextlib.suppress(OSError):  # a disk that takes nothing more: files are served from where they come from
    STATIC_ROOT.mkdir(exist_ok=True)  # the static file server warns at every start without it
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "apps.core.staticfiles.HashedStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "apps.core.staticfinders.BokehFinder",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CONFIG.redis_url,
            "KEY_PREFIX": "terrarium",
            "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
        }
        if CONFIG.redis_url
        # Django's 300 entries are soon pushed out by made-up names, and the counts of those who guess with them.
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
    )
}
CHANNEL_LAYERS = (
    {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [CONFIG.redis_url]}}}
    if CONFIG.redis_url
    else {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
)

CELERY_BROKER_URL = CONFIG.redis_url or "filesystem://localhost//"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"visibility_timeout": 3600, "socket_connect_timeout": 2, "socket_keepalive": True}
    if CONFIG.redis_url
    else {
        "data_folder_in": str(VAR_DIR / "broker" / "messages"),
        "data_folder_out": str(VAR_DIR / "broker" / "messages"),
        "control_folder": str(VAR_DIR / "broker" / "control"),
        "processed_folder": str(VAR_DIR / "broker" / "processed"),
        "store_processed": False,
        "polling_interval": 0.05,
    }
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(CONFIG.redis_url)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "cpu"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "masked": {
            "()": "apps.core.redaction.MaskingFormatter",
            "format": "%(asctime)s %(levelname)-7s %(name)s  %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "masked"}},
    "root": {"handlers": ["console"], "level": CONFIG.log_level},
    # These bring handlers of their own, which would write addresses as they are.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": ["console"], "propagate": False},
        "uvicorn": {"handlers": ["console"], "propagate": False},
        "uvicorn.access": {"handlers": ["console"], "propagate": False},
    },
}
