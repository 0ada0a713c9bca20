from __future__ import annotations

from strongroom.runtime.templates import with_tools

PLAIN = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def test_a_chatml_template_keeps_its_own_words_and_gains_tools() -> None:
    made = with_tools(PLAIN)
    assert made is not None
    assert made.endswith("{%- else %}" + PLAIN + "{%- endif %}")
    assert "tool | tojson" in made
    assert with_tools(made) == made


def test_another_notation_takes_no_tools() -> None:
    assert with_tools("[INST] {{ messages[0].content }} [/INST]") is None
    assert with_tools("") is None
