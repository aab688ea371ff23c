"""The eight services: offices, forms, and requests that end on the right office's desk. Knows nothing of HTTP."""
