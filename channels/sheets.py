"""QR codes of posts as sheets to print: A4, six to a page, each with its name, place and address."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from channels.models import Post
from core.regions import full_name

FONT = "STSong-Light"  # a font that every reader of PDF has for Chinese: nothing to install, nothing to embed
_COLUMNS, _ROWS = 2, 3
_CODE_MM = 58
_NAME_CHARS = 18


def print_sheets(
    posts: Sequence[Post], site_url: str, out: Path | BinaryIO, report: Callable[[int], object] = lambda _: None
) -> int:
    """Write the sheets; `report` hears how many codes are done. Gives the number of pages, one even for nothing."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    width, height = A4
    across, down = width / _COLUMNS, height / _ROWS
    canvas = Canvas(str(out) if isinstance(out, Path) else out, pagesize=A4)
    canvas.setTitle("服务点二维码")
    for place, post in enumerate(posts):
        on_page = place % (_COLUMNS * _ROWS)
        if place and not on_page:
            canvas.showPage()
        left = on_page % _COLUMNS * across
        top = height - on_page // _COLUMNS * down
        _label(canvas, post, post_url(post, site_url), left + across / 2, top)
        report(place + 1)
    pages = canvas.getPageNumber()
    canvas.save()
    return int(pages)


def post_url(post: Post, site_url: str) -> str:
    """What stands in a post's code."""
    return f"{site_url}/q/{post.code}"


def post_code(post: Post, site_url: str, kind: str) -> bytes:
    """One post's code as a picture, kind svg or png, large enough to print."""
    out = io.BytesIO()
    segno.make_qr(post_url(post, site_url), error="m").save(out, kind=kind, scale=12, border=4, light="white")
    return out.getvalue()


def _label(canvas: Canvas, post: Post, url: str, middle: float, top: float) -> None:
    canvas.setFont(FONT, 15)
    canvas.drawCentredString(middle, top - 11 * mm, "扫一扫，问法律")
    _code(canvas, url, middle - _CODE_MM * mm / 2, top - (15 + _CODE_MM) * mm)
    canvas.setFont(FONT, 11)
    for line, start in enumerate(range(0, min(len(post.name), 2 * _NAME_CHARS), _NAME_CHARS)):
        canvas.drawCentredString(middle, top - (20 + _CODE_MM + 5 * line) * mm, post.name[start : start + _NAME_CHARS])
    canvas.setFont(FONT, 8)
    canvas.drawCentredString(middle, top - (31 + _CODE_MM) * mm, f"{full_name(post.region)}　编号 {post.code}")


def _code(canvas: Canvas, url: str, left: float, bottom: float) -> None:
    """The code as squares: sharp at any size. Error correction M, for paper that hangs outside."""
    rows = [list(row) for row in segno.make_qr(url, error="m").matrix_iter(border=4)]
    side = _CODE_MM * mm / len(rows)
    for down, row in enumerate(rows):
        for across, dark in enumerate(row):
            if dark:
                y = bottom + (len(rows) - 1 - down) * side
                canvas.rect(left + across * side, y, side * 1.01, side * 1.01, stroke=0, fill=1)
