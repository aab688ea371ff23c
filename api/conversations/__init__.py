"""The citizen's conversation: start it, write, read, follow it live."""
