"""Settings: environment variables only, one model, one table in ``docs/guides/settings.md`` generated from it.

The variable of a field is its name in capitals. A missing mandatory one or a malformed value stops the start with the
name of the variable.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError, PydanticUndefined

from billwright.billing.notifications.signing import load_private_key
from billwright.billing.portal.links import PortalLinks
from billwright.billing.taxes.eu_rates import EuRates
from billwright.server.stack import DataFolder


class SettingsError(Exception):
    """One line per variable that is missing or malformed."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.query or parts.path.strip("/")):
            starts = " or ".join(f"{scheme}://" for scheme in schemes)
            raise PydanticCustomError("url", "must be a URL that starts with {starts}", {"starts": starts})
        return value.rstrip("/")

    return AfterValidator(check)


def _key_bytes(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        decoded = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        decoded = b""
    if text and len(decoded) != 32:
        raise PydanticCustomError("key", "must be 32 bytes in URL-safe base64 (openssl rand -base64 32 | tr '+/' '-_')")
    return value


def _long_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise PydanticCustomError("secret", "must have at least 32 characters (openssl rand -hex 32)")
    return value


def _rsa_key(value: SecretStr) -> SecretStr:
    """PEM as it is, with ``\\n`` for its line breaks, or in base64."""
    text = value.get_secret_value().replace("\\n", "\n").strip()
    if not text:
        return SecretStr("")
    try:
        if not text.startswith("-----"):
            text = base64.b64decode(text, validate=True).decode().strip()
        load_private_key(text)
    except ValueError:
        raise PydanticCustomError(
            "rsa", "must be an RSA private key of at least 2048 bits in PEM, or that in base64 (openssl genrsa 2048)"
        ) from None
    return SecretStr(text)


def _days(value: str) -> str:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= 3650 for part in parts):
        raise PydanticCustomError("days", "must be numbers of days between 1 and 3650, separated by commas")
    return ",".join(parts)


def _mailbox(value: str) -> str:
    address = parseaddr(value)[1]
    if "@" not in address or any(ord(char) < 32 for char in value):
        raise PydanticCustomError("mailbox", "must be an e-mail address, or a name and <address>")
    return value


def _ancestors(value: str) -> str:
    sources = value.split()
    if not sources or any(not source.isascii() or set(source) & set(';,"') for source in sources):
        raise PydanticCustomError("ancestors", "must be sources of a Content-Security-Policy, separated by spaces")
    return " ".join(sources)


def _rates_file(value: str) -> str:
    if value:
        try:
            EuRates.read(Path(value))
        except (OSError, ValueError) as failure:
            raise PydanticCustomError("rates", "cannot be used: {reason}", {"reason": str(failure)}) from None
    return value


WebUrl = Annotated[str, _url("http", "https")]
Rate = Annotated[int, Field(ge=0, le=1_000_000)]


class Settings(BaseModel):
    """Everything an operator can set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    database_url: Annotated[str, _url("postgresql", "postgres")] = Field(
        description="PostgreSQL 14 or newer: `postgresql://user:password@host:5432/name`. "
        "Without it and `REDIS_URL`, `billwright up` starts servers of its own."
    )
    redis_url: Annotated[str, _url("redis", "rediss", "unix")] = Field(
        description="Valkey or Redis for the job queue and rate limits: `redis://:password@host:6379/0`."
    )
    secret_key: Annotated[SecretStr, AfterValidator(_long_secret)] = Field(
        description="Signs sessions and links; at least 32 characters. Changing it signs everybody out. "
        "The embedded stack generates and keeps one."
    )
    encryption_key: Annotated[SecretStr, AfterValidator(_key_bytes)] = Field(
        description="Encrypts stored secrets; 32 bytes in URL-safe base64. Back it up: without it they are lost. "
        "The embedded stack generates and keeps one."
    )
    encryption_key_previous: Annotated[SecretStr, AfterValidator(_key_bytes)] = Field(
        default=SecretStr(""), description="The key before the present one, while values are re-encrypted."
    )
    rsa_private_key: Annotated[SecretStr, AfterValidator(_rsa_key)] = Field(
        default=SecretStr(""),
        description="Signs outgoing webhooks with `jwt`: PEM (line breaks may be written `\\n`) or base64 of it, 2048 "
        "bits or more. Without it the installation makes a key and keeps it, encrypted, in the database.",
    )
    webhook_attempts: int = Field(default=3, ge=1, le=10, description="How often a webhook is tried in all.")
    webhook_timeout_seconds: float = Field(
        default=30, gt=0, le=120, description="Time allowed to connect to a webhook receiver, to send, and to read."
    )
    webhook_concurrency: int = Field(
        default=10, ge=1, le=100, description="Deliveries under way at once to one webhook endpoint."
    )
    webhook_allow_private_networks: bool = Field(
        default=False,
        description="Whether webhooks may go to private, loopback and other addresses that are not public: "
        "for receivers in your own network.",
    )
    api_log_days: int = Field(
        default=30, ge=1, le=3650, description="How many days the log of API requests goes back (Developers, API logs)."
    )
    activity_log_days: int = Field(
        default=0,
        ge=0,
        le=36500,
        description="How many days the log of changes goes back (Developers, Activity logs); 0: for ever.",
    )
    check_events: bool = Field(
        default=True,
        description="Whether each hour's events are checked, and those that cannot be metered are announced to webhook "
        "endpoints (`events.errors`).",
    )
    wallet_refresh_seconds: int = Field(
        default=300,
        ge=5,
        le=3600,
        description="How often the ongoing balances of wallets follow usage, and threshold top-ups are looked at.",
    )
    subscription_termination_alert_days: Annotated[str, AfterValidator(_days)] = Field(
        default="15,45",
        description="On how many days before the end of a subscription `subscription.termination_alert` is sent, "
        "separated by commas.",
    )
    api_url: WebUrl = Field(
        default="http://127.0.0.1:8000", description="Public base URL of the API and of incoming webhooks."
    )
    app_url: WebUrl = Field(
        default="http://127.0.0.1:8000",
        description="Public base URL of the back office. With https, cookies are `Secure` and browsers are told so.",
    )
    smtp_host: str = Field(
        default="", description="Mail server. Without one e-mails are kept and shown under Developers, E-mails."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_user: str = Field(default="", description="Name to log in with, if the mail server asks for one.")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="Password of `SMTP_USER`.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls` encrypts after connecting (port 587), `tls` from the start (465), `none` not at all.",
    )
    mail_from: Annotated[str, AfterValidator(_mailbox)] = Field(
        default="Billwright <billing@localhost>", description="Sender of e-mails: an address, or `Name <address>`."
    )
    google_client_id: str = Field(
        default="", description="Client id of this installation at Google, for signing in with Google."
    )
    google_client_secret: SecretStr = Field(default=SecretStr(""), description="Secret of `GOOGLE_CLIENT_ID`.")
    google_discovery_url: WebUrl = Field(
        default="https://accounts.google.com/.well-known/openid-configuration",
        description="Google's OpenID Connect discovery document.",
    )
    sso_allow_loopback: bool = Field(
        default=False,
        description="For tests: identity providers may live at loopback and private addresses, without TLS.",
    )
    signup_enabled: bool = Field(default=True, description="Whether strangers may register organizations.")
    portal_frame_ancestors: Annotated[str, AfterValidator(_ancestors)] = Field(
        default="*",
        description="Sites that may show the customer portal in a frame: sources of a Content-Security-Policy, "
        "separated by spaces, such as `https://app.example.com`; `'none'` forbids it.",
    )
    portal_persisted_operations_only: bool = Field(
        default=False,
        description="Whether portal tokens may run only the operations that the portal's own pages run over GraphQL.",
    )
    graphql_introspection: bool = Field(
        default=True,
        description="Whether signed-in people may ask GraphQL for its schema, as the editor at `/docs/graphql` does; "
        "nobody else ever may.",
    )
    vies_url: WebUrl = Field(
        default="https://ec.europa.eu/taxation_customs/vies/services",
        description="Where VAT numbers are checked for EU tax management: the folder of VIES's SOAP services, or one "
        "service such as `.../checkVatTestService`.",
    )
    vies_timeout_seconds: float = Field(
        default=10, gt=0, le=120, description="Time allowed for one check of a VAT number."
    )
    eu_tax_rates_file: Annotated[str, AfterValidator(_rates_file)] = Field(
        default="",
        description="JSON file with the rates of EU tax management, in place of the shipped `eu_rates.json`: "
        "for rates that have changed since.",
    )
    rate_limit_events: Rate = Field(
        default=0, description="Requests a second and organization to `POST /events` and `/events/batch`; 0 is off."
    )
    rate_limit_current_usage: Rate = Field(
        default=0, description="Requests a second and organization for current usage; 0 is off."
    )
    rate_limit_default: Rate = Field(
        default=0, description="Requests a second and organization for everything else; 0 is off."
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses or networks, separated by commas, whose `X-Forwarded-For` and `-Proto` are believed; "
        "`*` believes everybody.",
    )
    web_workers: int = Field(
        default=min(2, os.cpu_count() or 1),
        ge=1,
        le=64,
        description="API processes that `billwright serve` and `up` run.",
        json_schema_extra={"shown_default": "2, or 1 on a machine with one core"},
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=200, description="Database connections that each process keeps open (it may double them)."
    )
    shutdown_delay_seconds: float = Field(
        default=0,
        ge=0,
        le=300,
        description="After SIGTERM, how long `/ready` answers 503 while requests are still accepted, "
        "so that a load balancer can look away.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="`debug` also logs each successful ingestion and health request."
    )
    log_format: Literal["auto", "json", "pretty"] = Field(
        default="auto", description="`auto` is pretty on a terminal and JSON otherwise."
    )
    log_file: str = Field(
        default="", description="Write logs to this file (rotated at 20 MB, three kept) instead of standard error."
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="When set, `/metrics` asks for it as a bearer token."
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the variables (empty ones count as absent); raises ``SettingsError`` naming each wrong one."""
        source = os.environ if environment is None else environment
        given = {name: source[name.upper()] for name in cls.model_fields if source.get(name.upper(), "").strip()}
        try:
            return cls.model_validate(given)
        except ValidationError as failure:
            raise SettingsError("\n".join(_complaint(error) for error in failure.errors())) from None

    @classmethod
    def from_folder(cls, folder: DataFolder, environment: Mapping[str, str] | None = None) -> Self:
        """Settings of a process that attaches to the stack running on ``folder``; raises ``StackError`` without one."""
        return cls.from_environment(stack_environment(folder, environment))

    @property
    def portal_links(self) -> PortalLinks:
        """What signs links to the customer portal (spec 07 §5.1)."""
        return PortalLinks(self.secret_key.get_secret_value(), self.app_url)

    def environment(self) -> dict[str, str]:
        """The variables that give these settings again, for child processes."""
        found: dict[str, str] = {}
        for name in type(self).model_fields:
            value: Any = getattr(self, name)
            found[name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else _text(value)
        return found


def stack_environment(folder: DataFolder, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment with what the running stack of ``folder`` adds: addresses, keys, base URLs."""
    info = folder.attach()
    secrets = folder.secrets()
    base = dict(os.environ if environment is None else environment)
    base.update(info.environment())
    base.setdefault("SECRET_KEY", secrets.secret_key)
    base.setdefault("ENCRYPTION_KEY", secrets.encryption_key)
    if info.url:
        base.setdefault("API_URL", info.url)
        base.setdefault("APP_URL", info.url)
    return base


def settings_table() -> str:
    """The Markdown table of ``docs/guides/settings.md``."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        if field.is_required():
            default = "**mandatory**"
        elif isinstance(extra, dict) and "shown_default" in extra:
            default = str(extra["shown_default"])
        else:
            value: Any = field.default if field.default is not PydanticUndefined else ""
            shown = value.get_secret_value() if isinstance(value, SecretStr) else _text(value)
            default = f"`{shown}`" if shown else "none"
        rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _complaint(error: Any) -> str:
    variable = str(error["loc"][0]).upper()
    return f"{variable} is not set" if error["type"] == "missing" else f"{variable}: {error['msg']}"
