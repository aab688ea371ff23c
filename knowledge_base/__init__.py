"""The knowledge base 知识库: laws, versions, articles; import, index, search, decide. Knows nothing of people.

The ways in are `knowledge_base.search.KnowledgeBase`, `knowledge_base.laws`, `knowledge_base.index.build_index` and the
importers in `knowledge_base.importing`.
"""
