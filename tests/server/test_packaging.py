"""What ships beside the code: container files, locks, contracts. Docker itself is not needed (and not run) here."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from billwright import __version__
from billwright.server.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
VARIABLES = {name.upper() for name in Settings.model_fields}


def test_compose_has_the_five_services_in_order() -> None:
    """Spec 08 part E, Compose: PostgreSQL, Valkey, migrate (one-shot), serve, worker."""
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "valkey", "migrate", "serve", "worker"}
    assert services["migrate"]["restart"] == "no"
    for name in ("serve", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert services[name]["command"][0] == name
    assert services["serve"]["read_only"] is True


def test_compose_sets_real_settings_and_no_secret_of_its_own() -> None:
    environment = COMPOSE["services"]["serve"]["environment"]
    assert set(environment) <= VARIABLES
    mandatory = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    assert mandatory <= set(environment)
    for name in ("SECRET_KEY", "ENCRYPTION_KEY"):
        assert environment[name] == f"${{{name}:?set it in .env}}"


def test_every_variable_of_compose_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "deploy" / "compose.yaml").read_text())) - {"BILLWRIGHT_IMAGE"}
    example = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy" / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert used == set(example)
    assert not any(example[name] for name in example if "PASSWORD" in name or name.endswith("_KEY"))


def test_dockerfile_is_multi_stage_and_not_root() -> None:
    """Spec 08 part E, Image."""
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("\nFROM ") + text.startswith("FROM ") == 2
    final = text.rpartition("FROM ")[2]
    assert re.search(r"^USER 10001$", final, re.MULTILINE)
    assert 'ENTRYPOINT ["billwright"]' in final
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE):
        assert (ROOT / source).exists()


def test_version_is_written_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize("name", ["runtime", "dev", "build"])
def test_locks_are_pinned_hashed_and_without_addresses(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==\S+(?: ; [^\\]+)? \\$", lock, re.MULTILINE)
    others = [line for line in lock.splitlines() if line and not line.startswith((" ", "#")) and "==" not in line]
    assert pins
    assert others == []
    assert "://" not in lock
    assert len(pins) == lock.count("==") - len(re.findall(r" ; .*==", lock))
    assert lock.count("--hash=sha256:") >= len(pins)


def test_the_lock_serves_debians_python() -> None:
    """Debian 12 has Python 3.11.2, on which redis needs a package that newer ones do without."""
    lock = (ROOT / "requirements" / "runtime.txt").read_text()
    assert re.search(r"^async-timeout==\S+ ; python_full_version < '3.11.3'", lock, re.MULTILINE)
    assert "\ngreenlet==" in lock


def test_one_version_of_a_package_in_all_locks() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", text, re.MULTILINE))

    dev = pins("dev")
    for name in ("runtime", "build"):
        assert {package: dev.get(package) for package in pins(name)} == pins(name)


def test_shell_scripts_parse() -> None:
    for script in [*ROOT.glob("scripts/*.sh"), ROOT / ".ci" / "run"]:
        assert subprocess.run(["bash", "-n", str(script)], capture_output=True).returncode == 0, script
        assert script.stat().st_mode & 0o111, script
