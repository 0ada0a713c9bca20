"""What rooms above may read of identity inside a permit of their own."""

from strongroom.identity.tables import keys

__all__ = ["keys"]
