"""`strongroom redact` and `deidentify`: files in every form, without a server."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strongroom.app.redaction import blocks

Run = Any

MAIL, CARD, SSN = "jane.roe@example.com", "4111 1111 1111 1111", "536904399"
SECRETS = (MAIL, CARD, SSN, "Katarzyna")


def nothing_of(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


def test_text_from_standard_input_and_nothing_else_on_standard_output(alone: Run) -> None:
    done = alone("redact", "-", given=f"Dear Katarzyna Nowak,\nwe charged {CARD}; reply to {MAIL}.\n")
    assert (done.code, done.out) == (0, "Dear [PERSON],\nwe charged [CREDIT_CARD]; reply to [EMAIL].\n")
    assert "credit_card 1" in done.err
    assert nothing_of(done.err)


def test_json_says_the_text_and_the_counts(inside: Run, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text(f"mail {MAIL}\n")
    done = inside("redact", str(file), "--json")
    assert done.json["text"] == "mail [EMAIL]\n"
    assert done.json["found"] == {"email": 1}
    assert done.err == ""


def test_json_lines_stay_json_and_names_of_members_are_cues(inside: Run, tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    lines = [f'{{"user": {{"ssn": {SSN}}}, "n": 1.50, "said": "caf\\u00e9 \\"{MAIL}\\""}}', "", '{"fine":true}']
    file.write_text("\n".join(lines))
    done = inside("redact", str(file), "--report", str(tmp_path / "report.json"))
    first, _, last = done.out.split("\n")
    assert first == lines[0].replace(SSN, '"[US_SSN]"').replace(MAIL, "[EMAIL]")
    assert last == lines[2]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["by_field"] == {"said": {"email": 1}, "user.ssn": {"us_ssn": 1}}
    assert report["records"] == 2
    assert nothing_of(json.dumps(report))


def test_csv_stays_csv(inside: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f'name;customer_ssn;note\r\nKatarzyna Nowak;{SSN};"a;b ""{CARD}"""\r\nx;1;\r\n', newline="")
    done = inside("redact", str(file), "--output", str(tmp_path / "out.csv"))
    assert done.code == 0
    with (tmp_path / "out.csv").open(newline="") as out:
        rows = list(csv.reader(out, delimiter=";"))
    assert rows == [["name", "customer_ssn", "note"], ["[PERSON]", "[US_SSN]", 'a;b "[CREDIT_CARD]"'], ["x", "1", ""]]
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0


def test_parquet_nested_and_numbers(inside: Run, tmp_path: Path) -> None:
    table = pa.table(
        {
            "ssn": pa.array([536904399, None], pa.int64()),
            "quantity": pa.array([1, 2], pa.int64()),
            "contact": pa.array([{"mail": MAIL, "tags": ["x", CARD]}, None]),
            "kind": pa.array(["a", MAIL]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    assert inside("redact", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out.parquet")).code == 0
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.column_names == table.column_names
    assert out.column("quantity").to_pylist() == [1, 2]
    assert out.column("ssn").to_pylist() == ["[US_SSN]", None]
    assert out.column("contact").to_pylist() == [{"mail": "[EMAIL]", "tags": ["x", "[CREDIT_CARD]"]}, None]
    assert out.column("kind").to_pylist() == ["a", "[EMAIL]"]
    assert MAIL.encode() not in (tmp_path / "out.parquet").read_bytes()


def test_columns_of_bytes_pass_only_by_name_and_are_told(inside: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"blob": pa.array([MAIL.encode()])}), tmp_path / "in.parquet")
    refused = inside("redact", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out.parquet"))
    assert (refused.code, "blob" in refused.err, "--keep" in refused.err) == (1, True, True)
    assert not (tmp_path / "out.parquet").exists()
    kept = inside(
        "redact", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out.parquet"), "--keep", "blob", "--json"
    )
    assert (kept.code, kept.json["unchecked"]) == (3, ["blob"])


def test_many_processes_come_to_what_one_comes_to(inside: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 4096)
    file = tmp_path / "long.txt"
    file.write_text("".join(f"line {n}: {MAIL}\ncard {CARD[:9]}\n{CARD[10:]}\n" for n in range(600)))
    one = inside("redact", str(file), "--jobs", "1")
    many = inside("redact", str(file), "--jobs", "2")
    assert one.out == many.out
    assert one.out.count("[EMAIL]") == one.out.count("[CREDIT_CARD]") == 600
    assert nothing_of(one.out)


def test_tokens_are_the_same_under_the_same_key(inside: Run, tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "a.txt"
    key.write_bytes(b"0123456789abcdef0123456789abcdef")
    file.write_text(f"{MAIL} and {MAIL.upper()}")
    words = ("redact", str(file), "--action", "tokenise")
    first, again, other = inside(*words, "--key-file", str(key)), inside(*words, "--key-file", str(key)), inside(*words)
    left, right = first.out.split(" and ")
    assert left == right.strip()
    assert left.startswith("srt_email_")
    assert first.out == again.out != other.out


def test_check_writes_nothing_and_says_by_its_code(inside: Run, tmp_path: Path) -> None:
    dirty, clean = tmp_path / "dirty.txt", tmp_path / "clean.txt"
    dirty.write_text(MAIL)
    clean.write_text("nothing here")
    assert (inside("redact", str(dirty), "--check").code, inside("redact", str(clean), "--check").code) == (1, 0)
    assert inside("redact", str(dirty), "--check", "--json").json["found"] == {"email": 1}
    assert inside("redact", str(dirty), "--types", "secrets", "--check").code == 0


def test_what_cannot_be_read_ends_with_its_place_and_leaves_nothing(inside: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name, content, says in [
        ("bad.jsonl", b'{"a":1}\n{"mail":"jane.roe@example.com"\n', "line 2"),
        ("bad.csv", b"a,b\n1,2\njane.roe@example.com\n", "line 3"),
        ("bad.txt", b"ok\n\xff\xfe jane.roe@example.com", "line 2"),
        ("bad.parquet", b"PAR1 nonsense", "not a Parquet file"),
    ]:
        (tmp_path / name).write_bytes(content)
        done = inside("redact", str(tmp_path / name), "--output", str(out))
        assert (done.code, says in done.err, nothing_of(done.err)) == (1, True, True), done
        assert not out.exists()
    assert not list(tmp_path.glob(".out*"))


def test_wrong_words(inside: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    for words in (
        ("redact", str(tmp_path / "none.txt")),
        ("redact",),
        ("redact", str(file), "--types", "emial"),
        ("redact", str(file), "--output", str(file)),
        ("redact", str(file), "--confidence", "2"),
        ("redact", str(file), "--action", "tokenise", "--key-file", str(file)),
        ("deidentify", str(file), "--output", str(file)),
        ("deidentify", str(file), "--output", str(tmp_path / "o"), "--field", "a=nonsense"),
    ):
        done = inside(*words)
        assert (done.code, done.err.startswith("strongroom: ")) == (2, True), words
    assert file.read_text() == "x"


def test_types_are_listed(inside: Run) -> None:
    listed = inside("redact", "--list-types", "--json").json["data"]
    assert {
        "type": "us_ssn",
        "class": "identifier",
        "default": True,
        "region": "US",
        "is": "a social security number",
    } in listed


def test_a_data_set_is_de_identified_and_says_how(inside: Run, tmp_path: Path) -> None:
    folder, out = tmp_path / "set", tmp_path / "safe"
    (folder / "more").mkdir(parents=True)
    (folder / "people.csv").write_text(f"name,mail,note,secret\nKatarzyna Nowak,{MAIL},Katarzyna Nowak called,x\n")
    (folder / "more" / "log.jsonl").write_text(f'{{"who":"Katarzyna Nowak","mail":"{MAIL}"}}\n')
    words = ("deidentify", str(folder), "--output", str(out), "--synthetic", "--field", "secret=drop", "--json")
    made = inside(*words).json
    text = (out / "people.csv").read_text() + (out / "more" / "log.jsonl").read_text()
    assert nothing_of(text)
    row = next(csv.DictReader(io.StringIO((out / "people.csv").read_text())))
    assert row["secret"] == ""
    assert row["note"] == f"{row['name']} called"
    assert json.loads((out / "more" / "log.jsonl").read_text()) == {"who": row["name"], "mail": row["mail"]}
    record = json.loads((out / "transformation.json").read_text())
    assert record == made
    assert (record["action"], record["fields"]) == ("synthetic", {"secret": "drop:custom.secret"})
    digests = {each["output"]["name"]: each["output"]["sha256"] for each in record["files"]}
    assert digests["people.csv"] == "sha256:" + hashlib.sha256((out / "people.csv").read_bytes()).hexdigest()
    assert nothing_of(json.dumps(record))
