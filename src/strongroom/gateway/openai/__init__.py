"""The OpenAI dialect: what requests may hold, what answers hold, how a no reads.

Always true here:
- a request field that is not listed is an error; a field of an answer that is not listed is dropped;
- `model`, `id` and `created` of an answer are the gateway's own, never an engine's.
"""
