"""What can be wrong with one answer of an API and right with the next."""

PAST_DATE = "Sat, 21 Nov 2026 10:00:00 GMT"
PASSING = {
    "429": {"status": 429},
    "Retry-After in seconds": {"status": 429, "headers": {"Retry-After": "0"}},
    "Retry-After as a date": {"status": 503, "headers": {"Retry-After": PAST_DATE}},
    "Retry-After of years": {"status": 429, "headers": {"Retry-After": "999999999999"}},
    "Retry-After before now": {"status": 429, "headers": {"Retry-After": "-5"}},
    "Retry-After that means nothing": {"status": 429, "headers": {"Retry-After": "soon"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "reset": {"reset": True},
    "drip": {"drip": 0.01},
    "silence": {"delay": 0.6},
    "cut body": {"cut": 5},
    "cut body without a length": {"cut": 5, "content_length": False},
    "half of a JSON list, whole as a body": {"body": '[{"price": 1}, {"pri'},
    "gzip cut short": {"gzip": True, "cut": 20, "content_length": False},
    "gzip without its trailer": {"gzip": True, "cut": 8, "content_length": False},
    "HTML": {"body": "<html>busy</html>"},
    "nothing": {"body": ""},
}
