"""What can be wrong with a request, in words for the person who made it. Each is refused whole: nothing of it is kept."""


class Refused(Exception):
    """A request that cannot be carried out. `message` is Chinese, for a citizen or a lawyer to read.

    `field` names the part of the request that it is about, where there is one.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotFound(Refused):
    """There is no such thing, or none that this person may see: the two are not told apart."""


class Forbidden(Refused):
    """The thing is there, but this person may not do that with it."""


class Conflict(Refused):
    """It could have been done before, but things have moved on."""


class TooMany(Refused):
    """It may be done again, in `seconds`."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds
