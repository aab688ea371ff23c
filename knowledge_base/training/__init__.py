"""Training the models that ship: `wenfa kb train`. Nothing here is needed to run the service."""
