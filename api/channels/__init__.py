"""What channels' servers call."""
