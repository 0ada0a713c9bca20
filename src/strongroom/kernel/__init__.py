"""What every room shares: ids, the clock, who is asking, and how a no is said.

Always true here:
- no third-party import, no I/O except reading the clock;
- values are frozen; an id is validated when it is made, never later;
- a refusal says one thing to the operator (`reason`) and another to the caller (`tell`).
"""
