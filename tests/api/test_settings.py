"""Settings, their reference page and the clock."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.clock import MovableClock, SystemClock, parse_clock
from api.settings import PREFIX, Settings, SettingsError, reference


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


def test_the_reference_page_is_that_of_the_code() -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == reference(), "run python -m api.settings"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IKUSEI_PORT", "9000")
    monkeypatch.setenv("IKUSEI_DATA_DIR", "elsewhere")
    monkeypatch.setenv("IKUSEI_DATABASE_URL", "")
    settings = Settings.load()
    assert settings.port == 9000
    assert settings.data_dir == Path("elsewhere")
    assert settings.database_url is None
    assert settings.host == "127.0.0.1"


def test_every_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IKUSEI_PORT", "many")
    monkeypatch.setenv("IKUSEI_LOG_FORMAT", "prose")
    monkeypatch.setenv("IKUSEI_CLOCK", "yesterday")
    monkeypatch.setenv("IKUSEI_DATABASE_URL", "mysql://name:secret@host/database")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    message = str(caught.value)
    names = {line.partition(":")[0] for line in message.splitlines()}
    assert names == {"IKUSEI_PORT", "IKUSEI_LOG_FORMAT", "IKUSEI_CLOCK", "IKUSEI_DATABASE_URL"}
    assert "secret" not in message


def test_the_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IKUSEI_DATABASE_URL", "postgresql://name:secret@host/database")
    assert "secret" not in repr(Settings.load())


def test_the_system_clock_tells_the_time() -> None:
    before = datetime.now(UTC)
    assert before <= parse_clock("system").now() <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("+3d", timedelta(days=3)), ("-12h", timedelta(hours=-12)), ("+90s", timedelta(seconds=90))],
)
def test_a_clock_may_be_ahead_or_behind(text: str, offset: timedelta) -> None:
    assert parse_clock(text) == SystemClock(offset)
    assert abs(parse_clock(text).now() - datetime.now(UTC) - offset) < timedelta(minutes=1)


def test_a_fixed_clock_stands_still_until_it_is_moved() -> None:
    clock = parse_clock("2026-11-21T09:30:00+09:00")
    assert clock.now() == datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    assert isinstance(clock, MovableClock)
    clock.move(timedelta(hours=1))
    assert clock.now() == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "2026-11-21", "2026-11-21T09:30:00", "3d", "+3w"])
def test_what_names_no_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 'system'"):
        parse_clock(text)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALGORITHMS", "RS256,HS256", "HS256 cannot be taken.*public key.*expected some of RS256"),
        ("ALGORITHMS", "none", "none cannot be taken"),
        ("ALGORITHMS", "EdDSA", "EdDSA cannot be taken.*Ed25519"),
        ("ALGORITHMS", ",", "nothing cannot be taken"),
        ("JWKS", "http://site.example/jwks.json", "http only for this machine"),
        ("JWKS", "http://127.0.0.1.site.example/", "http only for this machine"),
        ("JWKS", "https://name:secret@site.example/jwks.json", "without a password"),
        ("JWKS", "ftp://site.example/jwks.json", "https://site.example"),
        ("JWKS", "https://", "expected the path of a file"),
        ("JWKS", "https://[", "expected the path of a file"),
        ("SOURCE", "My Site", "the name of a source"),
        ("LEEWAY", "-1", "greater than or equal to 0"),
        ("LEEWAY", "301", "less than or equal to 300"),
        ("LIFETIME", "0", "greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_of_tokens_says_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("IKUSEI_JWT_JWKS", "jwks.json")
    monkeypatch.setenv("IKUSEI_JWT_ISSUER", "https://site.example")
    monkeypatch.setenv(f"IKUSEI_JWT_{name}", value)
    with pytest.raises(SettingsError, match=f"^IKUSEI_JWT_{name}: .*{said}") as caught:
        Settings.load()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("there", "missing"), [("JWKS", "ISSUER"), ("ISSUER", "JWKS")])
def test_settings_of_tokens_come_together(
    monkeypatch: pytest.MonkeyPatch, there: str, missing: str
) -> None:
    monkeypatch.setenv(f"IKUSEI_JWT_{there}", "jwks.json")
    with pytest.raises(SettingsError, match=f"^IKUSEI_JWT_{missing}: missing, but .*_{there} is"):
        Settings.load()


@pytest.mark.parametrize(
    "place",
    [
        "https://site.example/jwks.json",
        "http://127.0.0.1:8000/jwks",
        "http://[::1]/jwks",
        "http://localhost/jwks",
        "/etc/jwks.json",
        "jwks.json",
    ],
)
def test_where_a_key_set_may_be(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("IKUSEI_JWT_JWKS", place)
    monkeypatch.setenv("IKUSEI_JWT_ISSUER", "https://site.example")
    monkeypatch.setenv("IKUSEI_JWT_ALGORITHMS", "ES256, PS256")
    settings = Settings.load()
    assert settings.jwt_jwks == place
    assert settings.jwt_algorithms == ("ES256", "PS256")
    assert Settings(jwt_jwks=None, jwt_issuer=None).jwt_audience == "ikusei"


@pytest.mark.parametrize(
    "text", ["https://a.example", "http://localhost:3000, https://b.example", "", "http://[::1]:80"]
)
def test_origins_are_a_list(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("IKUSEI_ORIGINS", text)
    assert list(Settings.load().origins) == text.replace(",", " ").split()


@pytest.mark.parametrize("text", ["a.example", "https://a.example/", "*", "https://A.example"])
def test_what_no_browser_sends_is_no_origin(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("IKUSEI_ORIGINS", text)
    with pytest.raises(SettingsError, match=r"IKUSEI_ORIGINS: .* is no origin"):
        Settings.load()
