"""Settings: read, refused by name, documented; what they print hides secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from billwright.server.settings import Settings, SettingsError, settings_table

GOOD = {
    "DATABASE_URL": "postgresql://user:secret@db/billwright",
    "REDIS_URL": "redis://cache:6379/0",
    "SECRET_KEY": "s" * 32,
    "ENCRYPTION_KEY": "A" * 43 + "=",
}


def test_the_guide_is_what_the_model_says() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "settings.md"
    assert settings_table() in guide.read_text(), "run scripts/make_settings_guide.py"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_mandatory_setting_is_named(name: str, value: str | None) -> None:
    environment = {key: text for key, text in GOOD.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(SettingsError, match=rf"^{name} is not set$"):
        Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://db/x"),
        ("DATABASE_URL", "postgresql://"),
        ("REDIS_URL", "cache:6379"),
        ("SECRET_KEY", "short"),
        ("ENCRYPTION_KEY", "bm90IDMyIGJ5dGVz"),
        ("ENCRYPTION_KEY", "not base64 at all!"),
        ("ENCRYPTION_KEY_PREVIOUS", "x"),
        ("APP_URL", "billing.example"),
        ("WEB_WORKERS", "many"),
        ("WEB_WORKERS", "0"),
        ("SIGNUP_ENABLED", "perhaps"),
        ("PORTAL_FRAME_ANCESTORS", "https://a.example; script-src *"),
        ("RATE_LIMIT_EVENTS", "-1"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_malformed_setting_is_named_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**GOOD, name: value})
    assert str(refused.value).startswith(name)
    assert len(str(refused.value).splitlines()) == 1


def test_all_wrong_ones_are_named_together() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**GOOD, "SECRET_KEY": "x", "APP_URL": "y"})
    assert {line.split(":")[0] for line in str(refused.value).splitlines()} == {"SECRET_KEY", "APP_URL"}


def test_secrets_do_not_print() -> None:
    settings = Settings.from_environment({**GOOD, "METRICS_TOKEN": "let-me-in"})
    assert "s" * 32 not in repr(settings)
    assert "let-me-in" not in str(settings)


def test_a_child_process_reads_the_same_settings() -> None:
    given = {**GOOD, "SIGNUP_ENABLED": "false", "SHUTDOWN_DELAY_SECONDS": "2.5", "APP_URL": "https://billing.example/"}
    settings = Settings.from_environment(given)
    assert settings.app_url == "https://billing.example"
    assert Settings.from_environment(settings.environment()) == settings
