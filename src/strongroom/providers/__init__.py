"""Upstreams outside this machine: who runs them, where, under which agreement, and how they are reached.

Always true here:
- an address is the operator's configuration: resolved, checked and pinned; no request names one;
- a provider without a current assessment, an agreement and a region is never routed to;
- a provider's secret is sealed by the vault room before it is stored, and opened in the process that uses it alone.
"""
