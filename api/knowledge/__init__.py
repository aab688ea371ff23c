"""Looking after what the service knows: cards, laws, words, questions that nobody but people could answer.

Here because the knowledge base and the record of people do not know each other, and an audit row belongs into the same
transaction as the deed. Knows nothing of HTTP: the pages are in `api.pages`, the command line in `wenfa.kb`.
"""
