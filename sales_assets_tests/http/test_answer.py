"""What a response says: compression, age, pauses, reasons."""

import email.utils
import gzip
import re
import time
import zlib

import pytest
from requests.structures import CaseInsensitiveDict

from sales_assets.http.answer import HttpAnswer, unpacked
from sales_assets.http.errors import HttpError, TransientHttpError

BODY = b'[{"price": 1}]' * 1000
RAW_DEFLATE = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "GZIP": ("GZIP", gzip.compress(BODY)),
    "x-gzip": ("x-gzip", gzip.compress(BODY)),
    "several members": ("gzip", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
    "deflate": ("deflate", zlib.compress(BODY)),
    "deflate without a header": ("deflate", RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()),
    "gzip as deflate": ("deflate", gzip.compress(BODY)),
    "twice": ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
}
CODINGS = pytest.mark.parametrize(("coding", "packed"), PACKED.values(), ids=PACKED)


def answer_of(body: bytes = b"", /, status: int = 200, **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status, "No", CaseInsensitiveDict(named), "http://host/sales?page=1", body)


@CODINGS
def test_gzip_and_deflate_are_unpacked_though_not_asked_for(coding: str, packed: bytes) -> None:
    assert unpacked(answer_of(content_encoding=coding), packed, len(BODY)).body == BODY


@CODINGS
@pytest.mark.parametrize("cut", [1, 4, 8, 20])
def test_a_compressed_answer_must_reach_its_end(coding: str, packed: bytes, cut: int) -> None:
    with pytest.raises(TransientHttpError, match="damaged or truncated"):
        unpacked(answer_of(content_encoding=coding), packed[:-cut], len(BODY))


@pytest.mark.parametrize(
    ("coding", "packed", "limit"),
    [
        *((coding, packed, len(BODY) - 1) for coding, packed in PACKED.values()),
        ("gzip", bytes(2001), 2000),
        ("gzip, gzip", gzip.compress(bytes(10**6)), 2000),
    ],
)
def test_what_unpacks_to_too_much_is_refused_and_not_asked_for_again(
    coding: str, packed: bytes, limit: int
) -> None:
    with pytest.raises(HttpError, match=f"more than {limit} bytes") as error:
        unpacked(answer_of(content_encoding=coding), packed, limit)
    assert type(error.value) is HttpError


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br"])
def test_a_compression_that_is_not_known_here_fails_at_once(coding: str) -> None:
    with pytest.raises(HttpError, match=r"compressed with \w+, which was not requested") as error:
        unpacked(answer_of(content_encoding=coding), b"[]", 100)
    assert type(error.value) is HttpError


@pytest.mark.parametrize("coding", ["UTF-8", "utf8", "identity", "", "none", "binary"])
def test_a_coding_that_nobody_knows_changes_nothing(coding: str) -> None:
    assert unpacked(answer_of(content_encoding=coding), b"[]", 100).body == b"[]"


KEPT = [
    *("Age: 1", "Age: 86400", "Age: 0, 7", f"Age: {'9' * 5000}", "X-Cache: Hit from cloudfront"),
    *("X-Cache: MISS, HIT", "X-Cache: TCP_MEM_HIT", "X-Cache-Status: STALE", "X-Proxy-Cache: HIT"),
    *("CF-Cache-Status: updating", "Cache-Status: x; hit; ttl=5"),
]
NEW = [
    *("Age: 0", "Age: soon", "Age: ", "X-Cache: MISS", "X-Cache: RefreshHit from cloudfront"),
    *("X-Cache: TCP_REFRESH_HIT", "X-Cache-Status: REVALIDATED", "Cache-Status: x; fwd=stale"),
    *("CF-Cache-Status: DYNAMIC", "X-Cache: white", "X-Cache-Hits: 7"),
    "Cache-Control: stale-while-revalidate=5",
]


@pytest.mark.parametrize("header", KEPT + NEW)
def test_a_response_that_a_cache_has_kept_is_told(header: str) -> None:
    name, _, value = header.partition(": ")
    assert answer_of(b"", 200, **{name: value}).cached == (header if header in KEPT else "")


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry_after": "20"}, 20),
        ({"retry_after": "20.5"}, 21),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "soon"}, None),
        ({"ratelimit_reset": "20"}, 20),
        ({"x_ratelimit_reset": "20.1"}, 21),
        ({"x_rate_limit_reset": "20"}, 20),
        ({"retry_after": "7", "x_ratelimit_reset": "20"}, 7),
        ({"retry_after": "soon", "x_ratelimit_reset": "20"}, 20),
        ({"retry_after": "20, 30"}, 30),
        ({"retry_after": "20, soon"}, 20),
        ({"ratelimit": "limit=100, remaining=0, reset=20"}, 20),
        ({"ratelimit": '"minute";r=0;t=20, "day"; r=9; t=30'}, 20),
        ({"ratelimit": '"minute";r=0;t=20, "day"; r=0; t=30'}, 30),
        ({"ratelimit": '"minute";r=0', "x_ratelimit_reset": "20"}, 20),
        ({}, None),
    ],
)
def test_a_pause_is_read_in_whatever_form(headers: dict[str, str], pause: float | None) -> None:
    assert answer_of(status=429, **headers).retry_after == pause


@pytest.mark.parametrize("name", ["retry_after", "x_ratelimit_reset", "ratelimit_reset"])
def test_a_pause_may_end_at_a_point_in_time(name: str) -> None:
    before = time.time()
    then = int(before) + 3600
    in_utc = time.gmtime(then)
    values = [
        *(str(then), f"{then - 0.5}", f"{then * 1000}", f"soon, {then}"),
        email.utils.formatdate(then, usegmt=True),
        *(time.strftime("%A, %d-%b-%y %H:%M:%S GMT", in_utc), time.asctime(in_utc)),
        *(time.strftime(f"%Y-%m-%dT%H:%M:%S{end}", in_utc) for end in ("Z", "+00:00")),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        pauses = [answer_of(status=429, **{name: value}).retry_after or 0 for value in values]
    time.tzset()
    assert all(then - time.time() - 1 <= pause <= then - before + 1 for pause in pauses)


@pytest.mark.parametrize(
    ("status", "remaining", "pause"),
    [(429, "5", 20), (503, "0", 20), (503, "5", None), (500, "0", None), (403, "0", 20)],
)
def test_the_reset_of_a_limit_counts_only_where_that_was_reached(
    status: int, remaining: str, pause: float | None
) -> None:
    headers = {"x_ratelimit_remaining": remaining, "x_ratelimit_reset": "20"}
    assert answer_of(status=status, **headers).retry_after == pause


@pytest.mark.parametrize("status", [403, 409, 413, 420, 423, 430])
def test_a_refusal_that_says_when_to_retry_is_transient(status: int) -> None:
    assert answer_of(status=status, retry_after="5").is_transient
    assert not answer_of(status=status).is_transient
    for other in (200, 202, 301, 401, 404):
        assert not answer_of(status=other, retry_after="5").is_transient


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"detail": "page out of range"}', 'HTTP 400 No: {"detail": "page out of range"}'),
        (b"<html>\n  busy\n</html>", "HTTP 400 No: <html> busy </html>"),
        (b"", "HTTP 400 No"),
        (b'[{"client": "Ada Byron"}]', "HTTP 400 No"),
        (b'["page out of range"]', 'HTTP 400 No: ["page out of range"]'),
        (b"\x1b[2Jgone\x00\x7f\xff", r"HTTP 400 No: \x1b[2Jgone\x00\x7f\xff"),
        ("\u202eback".encode(), r"HTTP 400 No: \u202eback"),
        (b"for made-up-word only", "HTTP 400 No: for *** only"),
        (b"x" * 1000, f"HTTP 400 No: {'x' * 197}..."),
        (b"x" * 190 + b"made-up-word", f"HTTP 400 No: {'x' * 190}***"),
    ],
)
def test_an_error_gives_the_reason_of_the_server_in_short(
    body: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    assert answer_of(body, status=400).error().reason == reason
    assert answer_of(body, status=200).error().reason == "HTTP 200 No"


def test_no_control_character_is_in_an_error() -> None:
    error = HttpError("http://host/\x1b", "no\x1b[2J\r\nway")
    assert re.fullmatch(r"[ -~]+", str(error))
