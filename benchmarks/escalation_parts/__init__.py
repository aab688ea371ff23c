"""What benchmarks/escalation.py measures, a file for each part."""
