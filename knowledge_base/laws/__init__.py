"""The laws themselves: find one, read one, compare two versions, check a citation. All on a given day.

This package is the way in; `reading`, `catalogue`, `comparison`, `citations` and `succession` hold what it offers, the other modules what these stand on.
"""

from knowledge_base.laws.catalogue import Catalogue, LawSummary, find_laws, list_laws
from knowledge_base.laws.citations import CitationCheck, verify_citation, verify_text
from knowledge_base.laws.comparison import ArticleChange, Change, Comparison, Mark, compare_versions, mark_changes
from knowledge_base.laws.library import LawName
from knowledge_base.laws.passages import QuoteCheck
from knowledge_base.laws.reading import (
    ArticleInVersion,
    ArticleOfLaw,
    ArticleText,
    LawText,
    UnknownArticle,
    UnknownLaw,
    UnknownVersion,
    VersionInfo,
    find_law,
    get_article,
    get_law,
)
from knowledge_base.laws.succession import ArticleInForce, article_in_force

__all__ = [
    "ArticleChange",
    "ArticleInForce",
    "ArticleInVersion",
    "ArticleOfLaw",
    "ArticleText",
    "Catalogue",
    "Change",
    "CitationCheck",
    "Comparison",
    "LawName",
    "LawSummary",
    "LawText",
    "Mark",
    "QuoteCheck",
    "UnknownArticle",
    "UnknownLaw",
    "UnknownVersion",
    "VersionInfo",
    "article_in_force",
    "compare_versions",
    "find_law",
    "find_laws",
    "get_article",
    "get_law",
    "list_laws",
    "mark_changes",
    "verify_citation",
    "verify_text",
]
