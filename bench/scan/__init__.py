"""What the scanner finds and what it costs, beside others on the same files."""
