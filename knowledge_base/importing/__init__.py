"""Ways into the knowledge base. Each importer reads a source into drafts; `store` writes them, one transaction a law."""
