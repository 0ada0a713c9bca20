"""OpenAI's Responses API: create, streamed too, retrieve, delete, and going on from an earlier response.

Always true here:
- a response is kept only where the request says `store: true`; without that word nothing is (OpenAI's own default is yes);
- a field or an item that is not listed is an error; tools are functions that the caller executes itself, and no others;
- `id`, `created_at` and `model` are the gateway's own, never an engine's.
"""
