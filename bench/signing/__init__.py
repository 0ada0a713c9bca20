"""What signatures cost."""
