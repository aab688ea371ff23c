"""The interface's documentation: FastAPI's own page loads its script from another host, which a bureau's network may not reach."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.rendering import page

router = APIRouter()


@router.get("/docs")
def docs(request: Request) -> Response:
    return page(request, "docs.html")
