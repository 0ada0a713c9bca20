"""Interoperability of model signatures with `model-signing`."""
