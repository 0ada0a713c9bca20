"""Settings: every value has a source, every mistake is named, and nothing secret is among them."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import strongroom
from strongroom.app.settings import FILE, Settings, SettingsError, load


def write(home: Path, text: str) -> Path:
    (home / FILE).write_text(text)
    return home


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(tmp_path, {})
    assert loaded.settings == Settings()
    assert {row.source for row in loaded.explain()} == {"default"}
    assert all(row.description[0] in string.ascii_uppercase + "`p" and row.description for row in loaded.explain())


def test_the_command_line_outweighs_the_environment_which_outweighs_the_file(tmp_path: Path) -> None:
    home = write(tmp_path, "[gateway]\nport = 1\nprocesses = 3\n[control]\nport = 4\n")
    environment = {"STRONGROOM_GATEWAY_PORT": "2", "STRONGROOM_CONTROL_PORT": "5", "PATH": "/bin"}
    loaded = load(home, environment, {"control.port": 6, "gateway.port": None})
    assert (loaded.settings.gateway.port, loaded.settings.gateway.processes, loaded.settings.control.port) == (2, 3, 6)
    sources = {row.name: row.source for row in loaded.explain()}
    assert sources["gateway.port"] == "STRONGROOM_GATEWAY_PORT"
    assert sources["gateway.processes"] == str(home / FILE)
    assert sources["control.port"] == "command line"
    assert sources["control.host"] == "default"


def test_text_from_the_environment_is_read_by_the_settings_own_type(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        {
            "STRONGROOM_GATEWAY_HOSTS": "a.example, b.example,",
            "STRONGROOM_GATEWAY_ANSWER_TIMEOUT_S": "2.5",
            "STRONGROOM_INSTALLATION_MODE": "production",
        },
    )
    assert loaded.settings.gateway.hosts == ("a.example", "b.example")
    assert loaded.settings.gateway.answer_timeout_s == 2.5
    assert loaded.settings.production
    assert loaded.settings.evaluations == {"extraction", "isolation"}
    assert loaded.settings.full_sandbox


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[gateway]\nprot = 1\n", "gateway.prot"),
        ("[gatway]\nport = 1\n", "gatway"),
        ("port = 1\n", "port"),
        ("[gateway]\nport = '80'x\n", "strongroom.toml"),
        ("[gateway]\nport = 'eighty'\n", "gateway.port"),
        ("[gateway]\nport = 70000\n", "gateway.port"),
        ("[gateway]\nport = -1\n", "gateway.port"),
        ("[gateway]\nport = true\n", "gateway.port"),
        ("[gateway]\nprocesses = 0\n", "gateway.processes"),
        ("[gateway]\nmax_connections = -5\n", "gateway.max_connections"),
        ("[gateway]\nmax_connections = 0\n", "gateway.max_connections"),
        ("[gateway]\nmax_body_bytes = 1\n", "gateway.max_body_bytes"),
        ("[gateway]\nanswer_timeout_s = nan\n", "gateway.answer_timeout_s"),
        ("[gateway]\nanswer_timeout_s = 0\n", "gateway.answer_timeout_s"),
        ("[gateway]\ndefault_output_tokens = 9000\n", "gateway.default_output_tokens"),
        ("[gateway]\nhost = '0.0.0.0'\n", "gateway.host"),
        ("[gateway]\ntls_key = 'k'\n", "gateway.tls_certificate"),
        ("[control]\ntls_client_ca = 'c'\n", "control.tls_client_ca"),
        ("[installation]\nmode = 'prod'\n", "installation.mode"),
        ("[installation]\nuid_base = 0\n", "installation.uid_base"),
        ("[workers]\nsandbox = 'none'\n", "workers.sandbox"),
        ("[database]\nurl = 'postgresql://u:hunter2@h/d'\n", "database.password_file"),
        ("[database]\nurl = 'postgresql://u@[h/d'\n", "database.url"),
        ("[database]\nurl = 'postgresql://u@h/d?password=hunter2'\n", "database.password_file"),
    ],
)
def test_a_mistake_is_named_and_no_secret_repeated(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(write(tmp_path, text), {})
    assert named in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("variable", ["STRONGROOM_GATEWAY_PROT", "STRONGROOM_PORT", "STRONGROOM_"])
def test_a_variable_that_is_no_setting_is_an_error(tmp_path: Path, variable: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} is no setting"):
        load(tmp_path, {variable: "1"})


def test_the_command_lines_own_variables_are_left_to_it(tmp_path: Path) -> None:
    assert load(tmp_path, {"STRONGROOM_HOME": "/x", "STRONGROOM_TOKEN": "srk_x"}).settings == Settings()


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"strongroom\.toml"):
        load(tmp_path, {})
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(SettingsError, match=r"strongroom\.toml"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    "origin",
    ["null", "NULL", "*", "a.example", "https://a.example/", "https://a.example/x", "file://", "https://", "x y"],
)
def test_an_origin_that_could_be_anybodys_is_refused(tmp_path: Path, origin: str) -> None:
    for port in ("gateway", "control"):
        with pytest.raises(SettingsError, match=rf"`{port}\.origins`"):
            load(write(tmp_path, f'[{port}]\norigins = ["https://a.example", "{origin}"]\n'), {})
        home = write(tmp_path, f'[{port}]\norigins = ["https://a.example", "http://[::1]:3000"]\n')
        assert len(getattr(load(home, {}).settings, port).origins) == 2


def test_what_is_demanded_of_prod_besides_may_be_said_and_is_nothing_outside_production(tmp_path: Path) -> None:
    assert load(tmp_path, {}).settings.evaluations == frozenset()
    (tmp_path / "strongroom.toml").write_text(
        '[installation]\nmode = "production"\n[approvals]\nevaluations = ["leaks"]\n', encoding="utf-8"
    )
    assert load(tmp_path, {}).settings.evaluations == {"leaks"}


def test_no_variable_of_the_command_line_is_taken_for_a_setting_that_there_is_not(tmp_path: Path) -> None:
    rooms = [Path(strongroom.__file__).with_name(room) for room in ("cli", "client")]
    named = {
        name
        for room in rooms
        for each in room.glob("*.py")
        for name in re.findall(r"STRONGROOM_[A-Z_]+", each.read_text())
    }
    assert {"STRONGROOM_TOKEN", "STRONGROOM_GATEWAY", "STRONGROOM_PROOF_KEY"} <= named
    load(tmp_path, dict.fromkeys(named, "x"))
    with pytest.raises(SettingsError, match="is no setting"):
        load(tmp_path, {"STRONGROOM_NOTHING": "x"})
