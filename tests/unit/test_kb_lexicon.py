"""The lexicon: what ships, what a machine adds and takes out, what a broken file does."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.settings import get_settings
from knowledge_base.lexicon import BrokenLexicon, Lexicon
from wenfa.cli import app


def test_everyday_words_lead_to_legal_ones(tmp_path: Path) -> None:
    book = Lexicon(tmp_path / "lexicon.yml")
    assert len(book.entries()) >= 400
    assert "用人单位" in book.legal_words("老板不给钱")
    assert book.legal_words("用人单位与劳动者") == ""


def test_a_word_within_a_longer_one_is_left_out(tmp_path: Path) -> None:
    book = Lexicon(tmp_path / "lexicon.yml")
    book.put("测猫", ["动物"])
    book.put("测猫证", ["登记"])
    assert book.legal_words("测猫证怎么办") == "登记"


def test_entries_of_ones_own_count_at_once_and_can_be_taken_out(tmp_path: Path) -> None:
    own = tmp_path / "home" / "lexicon.yml"
    book, other = Lexicon(own), Lexicon(own)
    book.put("撸猫钱", ["饲养费"])
    assert other.legal_words("撸猫钱谁出") == "饲养费"
    book.put("撸猫钱", [])
    assert "撸猫钱" not in other.entries() and "撸猫钱" not in own.read_text(encoding="utf-8")
    book.put("老板", [])  # a shipped one
    assert "老板" not in other.entries()


@pytest.mark.parametrize("content", ["老板: 用人单位", "- 老板", "老板: [", "老板: [1]", f"{'很' * 20}: [长]"])
def test_a_broken_file_is_named_and_the_search_goes_on_without_it(tmp_path: Path, content: str) -> None:
    own = tmp_path / "lexicon.yml"
    own.write_text(content, encoding="utf-8")
    with pytest.raises(BrokenLexicon, match=r"lexicon\.yml"):
        Lexicon(own).entries()
    assert "用人单位" in Lexicon(own).legal_words("老板不给钱")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENFA_HOME", str(tmp_path))
    get_settings.cache_clear()
    run = CliRunner().invoke
    assert run(app, ["kb", "lexicon", "撸猫钱", "饲养费", "抚养费"]).exit_code == 0
    assert "饲养费、抚养费" in run(app, ["kb", "lexicon", "撸猫钱"]).output
    assert "撸猫钱" in run(app, ["kb", "lexicon"]).output
    assert run(app, ["kb", "lexicon", "撸猫钱", "--remove"]).exit_code == 0
    gone = run(app, ["kb", "lexicon", "撸猫钱"])
    assert gone.exit_code == 1 and "词典里没有" in gone.output
    assert run(app, ["kb", "lexicon", "--remove"]).exit_code == 1
    (tmp_path / "lexicon.yml").write_text("老板: 用人单位", encoding="utf-8")
    assert "老板" in run(app, ["kb", "lexicon"]).output
    get_settings.cache_clear()
