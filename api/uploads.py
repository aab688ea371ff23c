"""How large a request may be: as the settings say, and more where a route says so; what is said to who brings more."""

MEGABYTE = 2**20
UPLOADS = {
    "/admin/laws/import": 32 * MEGABYTE,
}
"""By address, the most bytes that one request may bring there."""


def refusal(path: str, default: int = 65_536) -> str:
    """What to say to who brings more."""
    if path in UPLOADS:
        return f"文件太大，一次最多上传 {UPLOADS[path] // MEGABYTE} MB，请分几次上传"
    return f"内容太大，一个请求最多 {default // 1024} KB"
