"""What the citizen wants: Rasa's project, and the custom actions that run inside the api."""
