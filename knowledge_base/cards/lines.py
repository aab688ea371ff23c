"""A card's citations as people write them, one a line: 《劳动合同法》（2012-12-28公布）第三十八条 | 未及时足额支付劳动报酬 | 要点.

The day is that of the version that was read and may be left out; the words that carry what the card says stand between the
bars, parted by ；; the gist, for where the article's text is not held, comes last.
"""

import re
from collections.abc import Iterable
from datetime import date

from knowledge_base.cards.files import CitationDraft
from knowledge_base.importing.drafts import BrokenSource
from knowledge_base.models import CardCitation
from knowledge_base.names import resolve_alias, short_name
from knowledge_base.numerals import parse_article_number
from knowledge_base.references import parse_citation

_BARS = re.compile(r"[|｜]")
_BETWEEN_WORDS = re.compile(r"[；;]")
_CITED = re.compile(
    r"^《(?P<law>.+)》\s*(?:[（(]\s*(?P<day>\d{4}-\d{1,2}-\d{1,2})\s*(?:公布)?\s*[）)])?\s*(?P<article>\S+)$"
)
MAX_LINES = 20


def as_line(citation: CardCitation) -> str:
    """The citation as it can be read back."""
    line = f"《{citation.law}》（{citation.promulgated}公布）{citation.article}"
    if citation.says or citation.gist:
        line += f" | {'；'.join(citation.says)}"
    return f"{line} | {citation.gist}" if citation.gist else line


def read_lines(text: str) -> list[CitationDraft]:
    """The citations of these lines, empty ones left out. Raises BrokenSource with the number of the line that is none."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if len(lines) > MAX_LINES:
        raise BrokenSource(f"引用最多 {MAX_LINES} 行，现在有 {len(lines)} 行")
    return [_read(number, line) for number, line in lines]


def as_lines(citations: Iterable[CardCitation]) -> str:
    return "\n".join(as_line(each) for each in citations)


def _read(number: int, line: str) -> CitationDraft:
    cited, *rest = (part.strip() for part in _BARS.split(line, maxsplit=2))
    words = tuple(word.strip() for word in _BETWEEN_WORDS.split(rest[0]) if word.strip()) if rest else ()
    gist = rest[1] if len(rest) > 1 else ""
    match = _CITED.match(cited)
    if match is None:
        reference = parse_citation(cited)  # 劳动合同法38条
        if reference is None:
            raise BrokenSource(
                f"第 {number} 行看不出引用的是哪部法规的哪一条，请写成“《劳动合同法》第三十八条 | 条文里的原词”"
            )
        return CitationDraft(reference.law, str(reference.number), None, words, gist)
    return CitationDraft(
        resolve_alias(short_name(match["law"].strip())),
        str(parse_article_number(match["article"]) or match["article"]),
        _day(number, match["day"]) if match["day"] else None,
        words,
        gist,
    )


def _day(number: int, written: str) -> date:
    year, month, day = map(int, written.split("-"))
    try:
        return date(year, month, day)
    except ValueError:
        raise BrokenSource(f"第 {number} 行的公布日期 {written} 不是一个日子") from None
