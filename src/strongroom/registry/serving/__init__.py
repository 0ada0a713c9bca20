"""What serves already is judged again, by what is demanded now, and what becomes of it is written down and told to the gateways.

Always true here:
- every deployment of a release is judged by one path, whoever brought the release;
- how long one may lack something is counted from when it was first found to, and that outlives a restart: what a row or a clock
  says of it can only be believed to make it shorter;
- nothing is for good: a deployment that lacks nothing any more serves again, without anybody's hand.
"""
