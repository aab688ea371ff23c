"""The way back from Rasa: its action server, inside the api, behind a token."""
