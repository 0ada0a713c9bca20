"""What every page tells the browser it may not do, directive by directive: losing one of them would show nowhere else."""

from __future__ import annotations

import pytest

from strongroom.console import headers

DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


@pytest.mark.parametrize("kind", ["PAGE", "STATIC"])
def test_each_directive_of_the_policy_stands(kind: str) -> None:
    policy: str = getattr(headers, kind)["content-security-policy"]
    found = dict(part.strip().split(" ", 1) for part in policy.split(";") if " " in part.strip())
    assert found == DIRECTIVES
    assert "unsafe" not in policy
