"""A target's model never leads a request, which carries the provider's secret, to another place than that model's."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.gateway.exchange.asks import DescribeAsk, InferAsk, Tensor
from strongroom.gateway.protocols.oip_outside import OpenInferenceProvider

ROWS = InferAsk(model="m", inputs=(Tensor(name="x", shape=(1, 1), datatype="FP32", data=[1.0]),))
TRICKS = st.lists(
    st.sampled_from([".", "..", "/", "\\", "%2e", "%2F", ";", "?", "#", "a", "1", "/versions/", ":", "@"])
)
MODELS = TRICKS.map("".join) | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(MODELS)
@example("..")
@example(".")
@example("m/versions/..")
@example("m/versions/1/../../../../metrics")
@example("%2e%2e")
def test_a_path_stays_that_of_the_model_however_it_is_read(model: str) -> None:
    for ask, end in ((ROWS, "/infer"), (DescribeAsk(model="m"), "")):
        try:
            path = OpenInferenceProvider().outgoing(ask, model).path
        except ValueError:
            continue
        assert path == f"/v2/models/{model}{end}"
        assert posixpath.normpath(unquote(unquote(path))) == path
        assert set(path).isdisjoint("?#;%\\")


@pytest.mark.parametrize("model", ["credit", "credit.v1", "credit/versions/3", "Team_1:credit@2/versions/1.0"])
def test_names_and_versions_that_people_give_are_written_as_they_are(model: str) -> None:
    assert OpenInferenceProvider().outgoing(ROWS, model).path == f"/v2/models/{model}/infer"
