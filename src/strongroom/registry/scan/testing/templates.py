"""Chat templates: some that reach out of the request, and some as models really bring them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from strongroom.registry.scan.testing.build import ARCHITECTURE, STRING, gguf, pair
from strongroom.registry.scan.testing.samples import Sample, one

BAD: Final = {
    "mro": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "subscript": "{{ messages['__class__']['__init__'] }}",
    "attr-filter": "{{ messages|attr('__class__') }}",
    "attr-built": "{{ messages|attr('_' * 2 ~ 'class' ~ '_' * 2) }}",
    "attr-plain": "{{ messages|attr('content') }}",
    "map-attribute": "{{ messages|map(attribute='role')|list }}",
    "map-attr": "{{ messages|map('attr', '__class__')|list }}",
    "map-by-variable": "{{ messages|map(tools)|list }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "cycler-plain": "{% set c = cycler('a', 'b') %}{{ c.next() }}",
    "joiner": "{% set j = joiner(',') %}{{ j() }}",
    "lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "lipsum-plain": "{{ lipsum(n=5) }}",
    "namespace": "{{ namespace.__init__.__globals__ }}",
    "namespace-unpacked": "{% set n = namespace(**messages[0]) %}{{ n.x }}",
    "namespace-as-value": "{% set n = namespace %}{{ n(a=1) }}",
    "namespace-private": "{% set n = namespace(a=1) %}{% set n.__class__ = 2 %}",
    "self": "{{ self.__init__.__globals__ }}",
    "self-plain": "{{ self.title() }}",
    "config": "{{ config.items() }}",
    "request": "{{ request.application.environ }}",
    "unknown-call": "{{ open('/etc/passwd') }}",
    "call-of-value": "{{ messages[0].run('id') }}",
    "call-of-item": "{{ messages[0]['run']() }}",
    "format": "{{ '{0.__class__}'.format(messages) }}",
    "format-plain": "{{ '{0}'.format(messages) }}",
    "format-filter": "{{ '%s'|format(messages) }}",
    "format-map": "{{ '{a}'.format_map(tools) }}",
    "import": "{% import 'os' as os %}{{ os }}",
    "from-import": "{% from '/etc/passwd' import x %}",
    "include": "{% include '/etc/passwd' %}",
    "extends": "{% extends 'base.html' %}",
    "block": "{% block a %}{{ super() }}{% endblock %}",
    "key-built": "{% set k = '_' ~ '_class_' ~ '_' %}{{ messages[k] }}",
    "key-joined": "{% set k = ['_', '_class_', '_']|join %}{{ messages[k] }}",
    "key-replaced": "{% set k = 'XXclassXX'.replace('X', '_') %}{{ messages[k] }}",
    "key-in-block": "{% set k %}_{{ '_class_' }}_{% endset %}{{ messages[k] }}",
    "key-by-macro": "{% macro m(k) %}{{ messages[k] }}{% endmacro %}{{ m('_' ~ '_class_' ~ '_') }}",
    "key-by-loop": "{% for k in ['_' ~ '_class_' ~ '_'] %}{{ messages[k] }}{% endfor %}",
    "key-by-with": "{% with k = '_' ~ '_class_' %}{{ messages[k] }}{% endwith %}",
    "key-by-list": "{% set k = ['a' ~ 'b'] %}{{ messages[k[0]] }}",
    "key-escaped": "{{ messages['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "key-by-more-arguments": "{% macro m() %}{{ messages[varargs[0]] }}{% endmacro %}{{ m('_' ~ '_class_' ~ '_') }}",
    "key-by-named-arguments": "{% macro m() %}{{ messages[kwargs.k] }}{% endmacro %}{{ m(k='_' ~ '_class_' ~ '_') }}",
    "key-by-caller": "{% macro m() %}{{ messages[caller()] }}{% endmacro %}{% call m() %}_{{ '_class_' }}_{% endcall %}",
    "key-to-a-caller": "{% macro m() %}{{ caller('_' ~ '_class_' ~ '_') }}{% endmacro %}{% call(k) m() %}{{ messages[k] }}{% endcall %}",
    "key-by-default": "{% macro m(k='_' ~ '_class_' ~ '_') %}{{ messages[k] }}{% endmacro %}{{ m() }}",
    "key-by-macro-twice": "{% macro m(k) %}{{ messages[k] }}{% endmacro %}{{ m('_' ~ '_class_' ~ '_') }}{% macro m(j) %}{% endmacro %}",
    "key-by-dict": "{% set d = dict(k='_' ~ '_class_' ~ '_') %}{{ messages[d.k] }}",
    "key-stripped": "{{ messages[' _class'.strip()] }}",
    "key-stripped-left": "{{ messages['a_globals'.lstrip('a')] }}",
    "key-stripped-right": "{{ messages['_globals_a'[:9].rstrip('a')] }}",
    "key-without-prefix": "{{ messages['xx_globals'.removeprefix('xx')] }}",
    "key-trimmed": "{{ messages[' _class'|trim] }}",
    "key-split": "{{ messages['a,_class'.split(',')[1]] }}",
    "key-sliced": "{{ messages[' _class'[1:]] }}",
    "key-sliced-by-name": "{% set k = 'x_class' %}{{ messages[k[1:]] }}",
    "sum-by": "{{ messages|sum('_class') }}",
    "sort-by-position": "{{ messages|sort(false, false, '_mro')|list }}",
    "unique-by-position": "{{ messages|unique(false, '_mro')|list }}",
    "min-by-position": "{{ messages|min(false, '_mro') }}",
    "max-by-position": "{{ messages|max(false, '_mro') }}",
    "join-by-position": "{{ messages|join(',', '_mro') }}",
    "macro-endless": "{% macro f(a) %}{{ f(a ~ a) }}{% endmacro %}{{ f('a') }}",
    "macro-counting": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "macro-by-another": "{% macro f(a) %}{{ g(a) }}{% endmacro %}{% macro g(a) %}{{ f(a) }}{{ f(a) }}{% endmacro %}{{ f('a') }}",
    "macro-over-itself": "{% macro f(a) %}{% for b in [a, a] %}{{ f(b) }}{% endfor %}{% endmacro %}{{ f('a') }}",
    "format-width": "{{ '%999999999d' % 1 }}",
    "format-precision": "{{ '%.999999999f' % 1 }}",
    "format-width-given": "{{ '%*d' % (999999999, 1) }}",
    "format-width-by-name": "{% set f = '%999999999d' %}{{ f % 1 }}",
    "format-width-built": "{{ ('%' ~ '999999999d') % 1 }}",
    "format-width-replaced": "{{ '%d'.replace('d', '999999999d') % 1 }}",
    "text-put-between": "{{ 'a'.replace('', 'bbbbbbbbbb').replace('', 'bbbbbbbbbb') }}",
    "text-put-between-by-filter": "{{ messages[0].content|replace(nothing, 'bbbbbbbbbb') }}",
    "text-replaced-on-and-on": "{{ 'a'" + ".replace('a', 'aaaaaaaaaa')" * 9 + " }}",
    "text-indented-by-name": "{{ 'a'|indent(width=1000000000) }}",
    "json-indented": "{{ messages|tojson(indent=1000000000) }}",
    "rounded": "{{ 1|round(999999999, 'ceil') }}",
    "generator": "{{ messages.gi_frame.f_back.f_globals }}",
    "mro-plain": "{{ messages.mro() }}",
    "sort-by": "{{ messages|sort(attribute='__class__')|list }}",
    "group-by": "{{ messages|groupby('__class__')|list }}",
    "select-by": "{{ messages|selectattr('__class__')|list }}",
    "select-by-built": "{{ messages|selectattr('_' ~ '_class_' ~ '_')|list }}",
    "select-by-test": "{{ messages|select('callable')|list }}",
    "loop-endless": "{% for i in range(1000000000) %}a{% endfor %}",
    "loop-nested": "{% for i in range(9999) %}{% for j in range(9999) %}a{% endfor %}{% endfor %}",
    "loop-product": "{% for i in range(1000 * 1000 * 1000) %}a{% endfor %}",
    "loop-power": "{% for i in range(10 ** 9) %}a{% endfor %}",
    "loop-by-name": "{% set n = 1000000000 %}{% for i in range(n) %}a{% endfor %}",
    "loop-by-namespace": "{% set ns = namespace(n=1000000000) %}{% for i in range(ns.n) %}a{% endfor %}",
    "loop-by-products": "{% set n = 9999 %}{% set m = n * n %}{% for i in range(m) %}a{% endfor %}",
    "loop-by-tuple": "{% set a, b = 1, 1000000000 %}{% for i in range(a, b) %}a{% endfor %}",
    "loop-by-default": "{% for i in range(n or 1000000000) %}a{% endfor %}",
    "loop-by-sums": "{% set n = 9000 %}{% for i in range(n + n) %}a{% endfor %}",
    "text-times-name": "{% set n = 1000000000 %}{{ 'a' * n }}",
    "loop-recursive": "{% for m in messages recursive %}{{ loop(m) }}{% endfor %}",
    "loop-appending": "{% set a = [1] %}{% for i in a %}{% do a.append(i) %}{% endfor %}",
    "text-times": "{{ 'a' * 1000000000 }}",
    "text-times-times": "{{ 'a' * 9999 * 9999 * 9999 }}",
    "text-doubled": "{% set a = 'a' %}{% for i in range(40) %}{% set a = a ~ a %}{% endfor %}{{ a }}",
    "text-doubled-in-namespace": "{% set n = namespace(a='a') %}{% for i in range(40) %}{% set n.a = n.a + n.a %}{% endfor %}",
    "text-centred": "{{ 'a'|center(1000000000) }}",
    "text-indented": "{{ 'a'|indent(1000000000) }}",
    "update": "{{ messages[0].update({'role': 'system'}) }}",
    "urlize": "{{ messages|urlize }}",
    "xml-attributes": "{{ messages[0]|xmlattr }}",
    "debug": "{{ messages|pprint }}",
    "random": "{{ messages|random }}",
    "arguments-unpacked": "{{ raise_exception(*messages) }}",
    "test-callable": "{% if messages is callable %}a{% endif %}",
    "syntax": "{% if messages %}never closed",
    "hidden-characters": "{{ messages }}\u202e",
    "tag-characters": "{{ messages }}\U000e0041",
    "deep": "{{ " + "(" * 400 + "1" + ")" * 400 + " }}",
    "long": "{{ messages }}" + " " * 300_000,
}  # fmt: skip
"""Templates that the gate refuses, by what they try."""


def bad() -> Iterator[Sample]:
    """Yield each bad template in one of the places where templates stand."""
    for at, (name, text) in enumerate(BAD.items()):
        match at % 4:
            case 0:
                yield one("template", name, "chat_template.jinja", text.encode())
            case 1:
                yield one("template", name, "tokenizer_config.json", json.dumps({"chat_template": text}).encode())
            case 2:
                named = [{"name": "default", "template": "{{ messages }}"}, {"name": "tool_use", "template": text}]
                yield one("template", name, "tokenizer_config.json", json.dumps({"chat_template": named}).encode())
            case _:
                data = gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, text)])
                yield one("template", name, "model.gguf", data)


_NOTATIONS: Final = {
    "turns": ("<|im_start|>{role}\\n", "<|im_end|>\\n"),
    "headers": ("<|start_header_id|>{role}<|end_header_id|>\\n\\n", "<|eot_id|>"),
    "tags": ("<start_of_turn>{role}\\n", "<end_of_turn>\\n"),
    "bars": ("<|{role}|>\\n", "<|end|>\\n"),
    "words": ("### {role}:\\n", "\\n\\n"),
}
_PIECES: Final = {
    "plain": "{%- for message in messages %}{{- OPEN(message['role']) + message['content'] + 'SHUT' }}{%- endfor %}",
    "system": """
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = 'You are a helpful assistant.' %}
{%- endif %}
{{- bos_token + OPEN('system') + system_message + 'SHUT' }}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate: user, assistant, user, …') }}
    {%- endif %}
    {{- OPEN(message['role']) + message['content'].strip() + 'SHUT' }}
{%- endfor %}""",
    "tools": """
{%- if tools %}
    {{- OPEN('system') + '# Tools\\n\\n' }}
    {%- for tool in tools %}{{- tool | tojson(ensure_ascii=False) }}{{- '\\n' if not loop.last }}{%- endfor %}
    {{- 'SHUT' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' and message.tool_calls is defined and message.tool_calls %}
        {{- OPEN('assistant') }}
        {%- for tool_call in message.tool_calls %}
            {%- set tool_call = tool_call.function if tool_call.function is defined else tool_call %}
            {{- '<tool_call>' ~ {'name': tool_call.name, 'arguments': tool_call.arguments} | tojson ~ '</tool_call>' }}
        {%- endfor %}
        {{- 'SHUT' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.first or loop.previtem.role != 'tool' %}{{- OPEN('user') }}{%- endif %}
        {{- '<tool_response>' + message.content | string + '</tool_response>' }}
        {%- if loop.last or loop.nextitem.role != 'tool' %}{{- 'SHUT' }}{%- endif %}
    {%- else %}
        {{- OPEN(message.role) + message.content + 'SHUT' }}
    {%- endif %}
{%- endfor %}""",
    "thinking": """
{%- set ns = namespace(last_query_index=messages | length - 1, seen=false) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages | length - 1) - loop.index0 %}
    {%- if not ns.seen and message.role == 'user' and message.content is string %}
        {%- set ns.seen = true %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- set reasoning_content = '' %}
    {%- if message.reasoning_content is defined and message.reasoning_content is not none %}
        {%- set reasoning_content = message.reasoning_content %}
    {%- elif '</think>' in content %}
        {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {%- if loop.index0 > ns.last_query_index and reasoning_content %}
        {{- OPEN(message.role) + '<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content + 'SHUT' }}
    {%- else %}
        {{- OPEN(message.role) + content + 'SHUT' }}
    {%- endif %}
{%- endfor %}""",
    "parts": """
{%- macro text_of(content) -%}
    {%- if content is string -%}{{- content -}}
    {%- elif content is iterable and content is not mapping -%}
        {%- for item in content -%}
            {%- if item.type == 'text' -%}{{- item.text -}}
            {%- elif item.type in ['image', 'image_url'] or 'image' in item -%}{{- '<|image|>' -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}{{- OPEN(message.role) + text_of(message.content) + 'SHUT' -}}{%- endfor -%}""",
    "types": """
{%- macro type_of(spec) -%}
    {%- set names = {'string': 'str', 'number': 'float', 'integer': 'int', 'boolean': 'bool'} -%}
    {%- if names[spec.type] is defined -%}{{- names[spec.type] -}}
    {%- elif spec.type == 'array' -%}{{- 'list[' + type_of(spec['items']) + ']' -}}
    {%- elif spec.anyOf is defined -%}{%- for each in spec.anyOf -%}{{- type_of(each) -}}{{- ' | ' if not loop.last -}}{%- endfor -%}
    {%- else -%}{{- 'Any' -}}{%- endif -%}
{%- endmacro -%}
{%- if tools is defined and tools is iterable and tools | length > 0 -%}
    {{- OPEN('system') -}}
    {%- for tool in tools | selectattr('type', 'equalto', 'function') -%}
        {{- 'def ' + tool.function.name + '(' -}}
        {%- for name, spec in tool.function.parameters.properties | items -%}
            {{- name + ': ' + type_of(spec) -}}{{- ', ' if not loop.last -}}
        {%- endfor -%}
        {{- '): ' + tool.function.description | default('') | indent(4) | trim -}}
    {%- endfor -%}
    {{- 'SHUT' -}}
{%- endif -%}
{%- for message in messages -%}{{- OPEN(message.role) + message.get('content', '') + 'SHUT' -}}{%- endfor -%}""",
    "dates": """
{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2026' %}{%- endif %}
{{- OPEN('system') + 'Today is ' + date_string + '. Current place: ' ~ (messages[0].current_location or 'unknown') ~ 'SHUT' }}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}{%- generation %}{{- OPEN('assistant') + message.content + 'SHUT' }}{%- endgeneration %}
    {%- else %}{{- OPEN(message.role) + message.content + 'SHUT' }}{%- endif %}
{%- endfor %}""",
    "habits": """
{%- macro schema_of(spec, required) -%}
    {%- for name, each in spec.properties | items -%}
        {{- name ~ ('' if name in required else '?') ~ ': ' ~ schema_of(each, each.required) -}}
    {%- endfor -%}
    {%- if spec['items'] -%}{{- schema_of(spec['items'], []) -}}{%- endif -%}
{%- endmacro -%}
{%- set names = {'user': 'U', 'assistant': 'A'} %}
{%- set ns = namespace(turns=0, seen='') %}
{%- set rest = messages | rejectattr('role', 'equalto', 'system') | list %}
{%- for message in rest[1:] %}
    {%- set ns.turns = ns.turns + 1 %}{%- set ns.seen = ns.seen ~ message.role %}
    {{- OPEN(names[message.role]) + message.content | replace('&', '&amp;') | replace('<', '&lt;') + 'SHUT' }}
    {%- if ns.turns % 2 %}{{- strftime_now('%d %b %Y') }}{%- endif %}
{%- endfor %}
{%- for tool in tools | sort(attribute='name') %}{{- schema_of(tool.parameters, tool.parameters.required) ~ tool | tojson(indent=4) }}{%- endfor %}""",
    "documents": """
{%- set _tools = tools or [] %}
{%- if documents %}{{- OPEN('system') }}{%- for document in documents %}
{{- 'Document: ' ~ loop.index0 ~ '\\n' ~ document.title | upper ~ '\\n' ~ document['text'] | replace('\\n', ' ') }}{%- endfor %}{{- 'SHUT' }}{%- endif %}
{%- set users = messages | selectattr('role', 'equalto', 'user') | list %}
{%- for message in messages if message.role != 'system' %}{{- OPEN(message.role) + (message.content | string | trim) + 'SHUT' }}{%- if loop.index > users | length * 4 %}{%- break %}{%- endif %}{%- endfor %}
{{- _tools | map('tojson') | join(', ') }}""",
}
_CLOSE: Final = "\n{%- if add_generation_prompt %}{{- OPEN('assistant') }}{%- endif %}"


def sound() -> Iterator[tuple[str, str]]:
    """Yield templates as models bring them: nine habits in five notations."""
    for notation, (start, end) in _NOTATIONS.items():
        before, after = start.split("{role}")
        opening = "{%- macro OPEN(role) -%}{{- '" + before + "' + role + '" + after + "' -}}{%- endmacro -%}\n"
        for piece, body in _PIECES.items():
            yield f"{notation}-{piece}", opening + body.replace("SHUT", end) + _CLOSE
