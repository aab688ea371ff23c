"""The lawyer's desk 解答台: what waits, take it, let it go, answer it."""
