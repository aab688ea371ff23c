"""What the repository promises about itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.database import Database
from core.settings import ROOT, Settings
from wenfa.cli import app
from wenfa.configuration import as_markdown
from wenfa.database import differences, upgrade


def test_the_configuration_page_is_what_the_settings_say() -> None:
    assert (ROOT / "docs" / "CONFIGURATION.md").read_text("utf-8") == as_markdown()


@pytest.mark.parametrize(
    "command", [[], ["up"], ["api"], ["dispatcher"], ["kb"], ["db"], ["staff"], ["staff", "create"]]
)
def test_help_is_in_chinese(command: list[str]) -> None:
    found = CliRunner().invoke(app, [*command, "--help"])
    assert found.exit_code == 0
    assert re.search(r"[\u4e00-\u9fff]{4}", found.output)


def test_the_migrations_make_what_the_models_say(settings: Settings) -> None:
    database = Database(settings.sql_url)
    assert upgrade(database)
    assert not upgrade(database)
    assert differences(database) == []
    database.dispose()


def test_the_migrations_make_what_the_models_say_on_postgresql(database: Database) -> None:
    assert differences(database) == []


@pytest.mark.parametrize("lock", ["requirements.txt", "bot/requirements.txt", "package-lock.json"])
def test_locks_hold_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert re.search(r"sha(256:|512-)", text)
    assert "http://" not in text
    assert "https://" not in text


def test_the_arrows_go_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
