"""What identity costs."""
