"""The desk of offices: requests that citizens sent, worked on until they are done."""
