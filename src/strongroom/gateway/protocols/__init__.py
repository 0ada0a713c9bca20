"""How engines are asked and answer: one protocol for each kind of engine.

Always true here:
- what a protocol cannot say exactly it refuses by name (`cannot`), before anything is sent;
- what an engine answers is decoded into known fields; what is not known never travels on;
- an engine's own words reach a caller only if they are among those that are known here.
"""
