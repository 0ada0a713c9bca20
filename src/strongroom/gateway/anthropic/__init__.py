"""The Anthropic dialect: messages whole and streamed, tools, and counting of tokens.

Always true here:
- a request field that is not listed is an error; what Anthropic documents and this does not serve is refused by name;
- `id` and `model` of an answer are the gateway's own, never an engine's;
- a tool call's arguments leave as the object that they are, or the answer is a failed one.
"""
