"""A model's chat template, made to show tools where it knows none.

Always true here (no I/O):
- without tools the model's own template renders, letter for letter;
- a template that knows tools is left alone; one in the ChatML notation gets a second half that lists the functions in
  the system message, and says how to call one and what came of a call; any other takes no tools, and says so.
"""

from __future__ import annotations

from typing import Final

_TURN: Final = "<|im_start|>"


def knows_tools(template: str) -> bool:
    """Whether the template shows tools to the model."""
    return "tools" in template


def with_tools(template: str) -> str | None:
    """Return a template that shows tools, or None when there is no way to show them."""
    if knows_tools(template):
        return template
    if _TURN not in template:
        return None
    return "{%- if tools %}" + _CHATML + "{%- else %}" + template + "{%- endif %}"


_CHATML: Final = r"""
{{- '<|im_start|>system\n' }}
{%- if messages[0].role == 'system' and messages[0].content %}{{- messages[0].content + '\n\n' }}{%- endif %}
{{- 'You may call these functions to help the user. They are, as JSON:\n<tools>' }}
{%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}
{{- '\n</tools>\nTo call one, write its name and arguments as JSON:\n<tool_call>\n' }}
{{- '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' }}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- elif message.role == 'assistant' and message.tool_calls %}
{{- '<|im_start|>assistant' }}
{%- if message.content %}{{- '\n' + message.content }}{%- endif %}
{%- for call in message.tool_calls %}
{%- if call.function %}{%- set call = call.function %}{%- endif %}
{{- '\n<tool_call>\n{"name": "' + call.name + '", "arguments": ' }}{{- call.arguments | tojson }}{{- '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- elif not (loop.first and message.role == 'system') %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""
