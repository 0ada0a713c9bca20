"""What is asked of a model and what it answers, in no dialect.

Always true here:
- a dialect decodes a client's bytes into an ask and writes an answer in its own words; an upstream protocol writes an ask
  in an engine's words and decodes what it answers: whatever stands between them (disclosure, tools, limits, records) is
  said once and holds on every surface;
- values are frozen and name everything that may travel: what has no name here cannot pass, in either direction;
- what a protocol cannot say exactly is refused by name, never dropped.
"""
