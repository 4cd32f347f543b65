"""The environment, read once and checked: every setting is `TERRARIUM_<NAME>`, plus DATABASE_URL and REDIS_URL.

A value that cannot be used stops the start with the variable's name and a remedy.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

BASE_DIR = Path(__file__).resolve().parent.parent
PREFIX = "TERRARIUM_"
_UNPREFIXED = ("database_url", "redis_url")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigurationError(SystemExit):
    """The environment holds a value we cannot use; the text names the variable and the remedy."""


class AppConfig(BaseModel):
    """Every setting of the product, with its default. `docs/settings.md` has a row for each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: Literal["embedded", "production"] = "embedded"
    debug: bool = False
    secret_key: str | None = Field(None, min_length=32)
    database_url: str | None = None
    redis_url: str | None = None

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=1, le=65535)
    api_workers: int = Field(1, ge=1, le=64)
    allowed_hosts: str = ""
    public_url: str | None = None
    trusted_proxies: str = ""
    secure_cookies: bool | None = None

    storage_root: str = "var"
    logs_dir: str | None = None
    enable_auth: bool = True
    jwt_secret_key: str | None = Field(None, min_length=32)
    login_attempts_per_minute: int = Field(10, ge=1)
    login_attempts_per_hour: int = Field(50, ge=1)
    api_requests_per_minute: int = Field(600, ge=1)
    live_streams_per_member: int = Field(100, ge=1)
    upload_max_mb: int = Field(256, ge=1, le=100_000)

    worker_concurrency: int | None = Field(None, ge=1, le=256)
    max_concurrent_jobs: int = Field(1, ge=1)
    lease_seconds: float = Field(15.0, ge=2, le=600)
    job_memory_mb: int = Field(2048, ge=256)
    torch: Literal["auto", "cpu", "cuda"] = "auto"
    service_host: str = Field("127.0.0.1", min_length=1, max_length=255)
    service_memory_mb: int | None = Field(None, ge=1)
    models_dir: str | None = None
    checkpoint_interval: int = Field(100, ge=1)
    event_retention_days: float = Field(14.0, gt=0)
    job_retention_days: float = Field(90.0, gt=0)
    system_event_retention_days: float = Field(180.0, gt=0)
    artefact_grace_seconds: float = Field(3600.0, ge=60)

    task_budget_dollars: float = Field(0.42, gt=0)
    cost_alert_dollars: float = Field(0.30, gt=0)
    dollars_per_core_hour: float = Field(0.05, ge=0)
    watts_per_core: float = Field(8.0, ge=0)
    carbon_location: str = Field("WORLD", min_length=2, max_length=16)
    carbon_pue: float = Field(1.0, ge=1.0, le=5.0)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in {"postgres", "postgresql", "sqlite"}:
            raise ValueError("use postgresql://user:password@host:5432/name or sqlite:///path")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("use redis://host:6379/0")
        return value

    @field_validator("public_url")
    @classmethod
    def _whole_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}):
            raise ValueError("use the address people open, without a path: https://lab.example.org")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _names_only(cls, value: str) -> str:
        if any(mark in value for mark in ("/", "*", "://")):
            raise ValueError(
                "list host names parted by commas, without scheme, path or wildcard: lab.example.org, 10.0.0.5"
            )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _named_proxies(cls, value: str) -> str:
        for network in _networks(value):
            if network.prefixlen == 0:
                raise ValueError(
                    "name the proxy, not everybody: its address or its network, such as 10.0.0.2, 172.30.0.0/24"
                )
        return value

    @model_validator(mode="after")
    def _single_user_only_on_loopback(self) -> AppConfig:
        if not self.enable_auth and not _is_loopback(self.api_host):
            raise ValueError(
                f"TERRARIUM_ENABLE_AUTH=false is single-user mode and needs a loopback TERRARIUM_API_HOST, "
                f"not {self.api_host}; set TERRARIUM_API_HOST=127.0.0.1 or turn authentication on"
            )
        if not self.enable_auth and self.trusted_proxies:
            raise ValueError(
                "TERRARIUM_ENABLE_AUTH=false is single-user mode for one machine, so no proxy may bring others; "
                "unset TERRARIUM_TRUSTED_PROXIES or turn authentication on"
            )
        return self

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """The proxies whose word on where a request comes from is believed."""
        return _networks(self.trusted_proxies)

    @property
    def storage_path(self) -> Path:
        """Where files live; relative paths are under the project folder."""
        return (BASE_DIR / self.storage_root).resolve()

    @property
    def logs_path(self) -> Path:
        """Where the processes of this machine log; `logs` in the storage folder unless set."""
        return (BASE_DIR / self.logs_dir).resolve() if self.logs_dir else self.storage_path / "logs"

    @property
    def models_path(self) -> Path:
        """Where folders with base models lie; `models` in the storage folder unless set."""
        return (BASE_DIR / self.models_dir).resolve() if self.models_dir else self.storage_path / "models"

    @property
    def is_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return bool(self.database_url) and urlsplit(self.database_url or "").scheme.startswith("postgres")


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(
            f"list addresses or networks parted by commas, such as 10.0.0.2, 172.30.0.0/24 ({error})"
        ) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(name: str) -> str:
    return name.upper() if name in _UNPREFIXED else PREFIX + name.upper()


def read_config(environ: Mapping[str, str] = os.environ) -> AppConfig:
    """The settings in `environ`; raises `ConfigurationError` naming each unusable variable and the remedy."""
    known = {_variable(name): name for name in AppConfig.model_fields}
    unknown = sorted(key for key in environ if key.startswith(PREFIX) and key not in known)
    if unknown:
        raise ConfigurationError(
            f"Unknown setting {', '.join(unknown)}: correct the name or unset it. docs/settings.md lists them all."
        )
    if environ.get("FORWARDED_ALLOW_IPS"):
        raise ConfigurationError(
            "FORWARDED_ALLOW_IPS has no effect: name the proxy in TERRARIUM_TRUSTED_PROXIES and unset it. "
            "docs/settings.md explains each setting."
        )
    values = {name: environ[variable] for variable, name in known.items() if environ.get(variable, "") != ""}
    try:
        return AppConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = ["Terrarium cannot start with these settings:"]
    for problem in error.errors():
        variable = _variable(str(problem["loc"][0])) if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(
            f"  {variable}: {message}. Correct it or unset it for the default." if variable else f"  {message}."
        )
    lines.append("docs/settings.md explains each setting.")
    return "\n".join(lines)
