"""What is done about what the citizen wants. One handler per intent; Rasa's custom action and the service without Rasa call the same."""
