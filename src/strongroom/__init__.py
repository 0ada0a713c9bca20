"""Strongroom hosts models for many tenants and can prove that it does so safely."""
