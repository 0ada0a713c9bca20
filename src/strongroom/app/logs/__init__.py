"""The one way into the logs: whatever a process of this installation writes goes through the sink, and is masked there.

Always true here:
- processes of our own, workers and the database write to pipes that the supervisor reads; no other process opens a log, and in
  the supervisor nothing but `sink.py` does;
- a line is masked before it is cut, and cut before it is kept; what is kept is a JSON object a line, with a bounded length;
- nobody waits for the sink: who speaks faster than it writes loses lines, and the next line says how many;
- of an exception the type and the places are kept, never its text: it may quote what was in hand;
- what is kept is bounded, in bytes and in days.
"""
