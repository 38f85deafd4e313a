"""Stub."""


def redacted(text: str) -> str:
    """Stub."""
    return text


def shown(value: object, limit: int = 80) -> str:
    """Stub."""
    text = str(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
