"""A conversation on paper: what was said, by whom and when, and the articles word for word. PDF, A4."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

from channels.sheets import FONT
from core.clock import local, now
from core.regions import full_name
from escalation.conversations import DISCLAIMER

_MARGIN = 20 * mm
_GREY = HexColor("#444f52")

_BASE = ParagraphStyle("text", fontName=FONT, fontSize=11, leading=18, wordWrap="CJK")
_TITLE = ParagraphStyle("title", _BASE, fontSize=18, leading=28, spaceAfter=2 * mm)
_META = ParagraphStyle("meta", _BASE, fontSize=9, leading=14, textColor=_GREY)
_WHO = ParagraphStyle("who", _META, spaceBefore=5 * mm, keepWithNext=1)
_CITED = ParagraphStyle(
    "cited", _BASE, fontSize=10, leading=16, leftIndent=6 * mm, spaceBefore=1.5 * mm, keepWithNext=1
)
_ARTICLE = ParagraphStyle("article", _BASE, fontSize=9.5, leading=15, leftIndent=6 * mm, textColor=_GREY)
_END = ParagraphStyle("end", _META, spaceBefore=8 * mm)


@dataclass(frozen=True, slots=True)
class Passage:
    """What one of them said. `citations`: how each article is named, and its text."""

    who: str
    at: datetime
    text: str
    citations: Sequence[tuple[str, str]]


def as_pdf(title: str, about: str, region: str, passages: Sequence[Passage]) -> bytes:
    """The document. Its font is one that readers of PDF bring along for Chinese: nothing is embedded."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    story = [
        Paragraph(escape(title), _TITLE),
        Paragraph(escape(f"{about}　地区：{full_name(region)}　打印时间：{_moment(now())}"), _META),
    ]
    for each in passages:
        story += [Paragraph(escape(f"{each.who}　{_moment(each.at)}"), _WHO), Paragraph(_lines(each.text), _BASE)]
        for named, text in each.citations:
            story += [Paragraph(escape(named), _CITED), Paragraph(_lines(text), _ARTICLE)]
    story.append(Paragraph(escape(DISCLAIMER), _END))
    written = BytesIO()
    document = SimpleDocTemplate(
        written,
        pagesize=A4,
        title=title,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
    )
    document.build(story, onFirstPage=_number, onLaterPages=_number)
    return written.getvalue()


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br/>")


def _moment(moment: datetime) -> str:
    there = local(moment)
    return f"{there.year}年{there.month}月{there.day}日 {there:%H:%M}"


def _number(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont(FONT, 8)
    canvas.setFillColor(_GREY)
    canvas.drawCentredString(A4[0] / 2, 10 * mm, f"第 {document.page} 页")
