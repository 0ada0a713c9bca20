"""Commands, forms, times and own paths: the console's small pieces without a browser."""

from __future__ import annotations

import shlex

import pytest

from strongroom.console import routes
from strongroom.console.commands import command
from strongroom.console.forms import BODY_LIMIT, Form, parse
from strongroom.console.render import relative, short_digest, size
from strongroom.console.signin import own_path
from strongroom.kernel.principal import Role
from strongroom.kernel.refusal import Refused

FORM = "application/x-www-form-urlencoded"


def test_a_command_is_what_the_shell_reads_back() -> None:
    odd = 'it\'s $(reboot); `x` "y" <script>'
    text = command("key", "create", tenant="acme", label=odd, days=None, reason="", ceiling=False, yes=True)
    assert shlex.split(text) == ["strongroom", "key", "create", "--tenant", "acme", "--label", odd, "--yes"]


def test_a_value_with_a_leading_dash_is_never_an_option() -> None:
    assert shlex.split(command("workload", "create", "x", owner="--all")) == [
        "strongroom",
        "workload",
        "create",
        "x",
        "--owner=--all",
    ]
    assert shlex.split(command("tenant", "delete", "-rf", yes=True))[-2:] == ["--", "-rf"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"a=b"),  # what a form elsewhere could send without asking
        ("multipart/form-data; boundary=x", b"--x--"),
        ("", b""),
        (FORM, b"a=1&a=2"),
        (FORM, b"a=%ff"),
        (FORM, "ä=1".encode()),
        (FORM, b"a=" + b"x" * BODY_LIMIT),
        (FORM, b"&".join(b"f%d=1" % number for number in range(100))),
    ],
)
def test_what_is_no_form_of_ours_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(Refused):
        parse(content_type, body)


def test_a_form_is_read_by_what_each_field_should_be() -> None:
    form = Form(parse(f"{FORM}; charset=utf-8", b"name=+acme+&role=inference&owner=J%C3%BCrgen&days=1.5&none="))
    assert form.name("name") == "acme"
    assert form.choice("role", Role) is Role.INFERENCE
    assert form.owner("owner") == "Jürgen"
    assert form.days("days") == 1.5
    assert form.days("none") is None
    assert form.line("missing", limit=5, required=False) == ""


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "1e999", "x", "\u0661", "9" * 40])
def test_days_are_a_number_above_zero(days: str) -> None:
    with pytest.raises(Refused) as no:
        Form({"days": days}).days("days")
    assert no.value.refusal.param == "days"


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\x00b", "x" * 201])
def test_a_line_is_one_printable_line(text: str) -> None:
    with pytest.raises(Refused):
        Form({"reason": text}).line("reason", limit=200)


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "/%2fevil", "evil", "", "/a\nb", "/a b"]
)
def test_after_signing_in_one_stays_here(path: str) -> None:
    assert own_path(path) == "/"


def test_after_signing_in_one_goes_where_one_wanted() -> None:
    assert own_path("/tenants/acme/keys?environment=prod&workload=chat") == (
        "/tenants/acme/keys?environment=prod&workload=chat"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (-9, "just now"),
        (3, "in a moment"),
        (-30, "30 seconds ago"),
        (-60, "1 minute ago"),
        (-3600, "1 hour ago"),
        (-23 * 3600, "1 day ago"),
        (30 * 86400, "in 30 days"),
        (89.9 * 86400, "in 90 days"),
        (-200 * 86400, "7 months ago"),
        (800 * 86400, "in 2 years"),
    ],
)
def test_a_distance_in_time_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert relative(seconds) == said


def test_a_digest_is_short_enough_to_read() -> None:
    assert short_digest("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"


def test_every_page_but_those_of_signing_in_and_of_looks_wants_somebody_signed_in() -> None:
    assert {(each.method, each.path) for each in routes.ROUTES if each.open} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/sign-in/cli"),
        ("GET", "/sign-in/sso"),
        ("GET", "/sign-in/sso/callback"),
        ("POST", "/theme"),
    }, "a page that is open shows nothing of the installation; think twice, then add it here"


def test_no_address_is_there_twice() -> None:
    addresses = [(each.method, each.path) for each in routes.ROUTES]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (15, "15 B"), (1024, "1.0 KiB"), (300_000, "293 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.0 GiB")],
)
def test_what_is_there_is_never_nothing_of_a_larger_unit(count: int, said: str) -> None:
    assert size(count) == said
