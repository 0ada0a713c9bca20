"""What leaves for a ticket or a chat: looked through, masked, listed, and searched for what must not be in it.

Always true here:
- every text of a bundle passes the detectors of patterns and names before it is put in, and is searched afterwards, in its own
  spelling and decoded, for canaries and for keys that work; a find stops the whole bundle, and names no more than the part;
- a bundle holds figures, names of things and what processes said; no prompt, no answer, no captured request, no name of a tenant;
- what could not be had is listed with the reason, never left out in silence.
"""
