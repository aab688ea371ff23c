"""The hotline's text channel (12348 and its like): a gateway posts what callers write, and takes what is said to them."""
