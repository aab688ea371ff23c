"""From a citizen's question to lawyers' answers: conversations, consultations, rounds, tiers, pushes, answers, ratings.

Knows nothing of HTTP, of Rasa or of the knowledge base. Every verb takes a `write` session and does its whole work in that one
transaction: check, write, audit row, outbox event. Each begins by locking the conversation's row, under which everything
of that conversation is ordered; so verbs never deadlock, and never see each other half done.
"""
