"""What parsers are fuzzed with: arbitrary content, and valid files that have been damaged."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from zoo.errors import ZooError

SMALL, THOROUGH = "fuzz-small", "thorough"

settings.register_profile(
    SMALL,
    max_examples=50,
    derandomize=True,  # the same inputs in every run of the tests
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    THOROUGH,
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def fuzz_settings() -> settings:
    """Return how many inputs a parser is given: 50, or 2,000 in the profile `thorough`."""
    chosen = settings.get_current_profile_name()
    return settings.get_profile(THOROUGH if chosen == THOROUGH else SMALL)


# Numbers and marks at which parsers of binary headers, JSON, tables and XML tend to break.
_TOKENS = (
    *(b"\0", b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\0" * 8, b"\x80\0\0\0"),
    *(b"NaN", b"-Infinity", b"1e999", b"-1", b"9" * 30, b"9" * 5000, b"null", b"true", b"0"),
    *(b"[" * 200, b'{"a":' * 200, b'"', b"'", b"\\", b"\\ud800", b",", b"\t", b"\n", b"\r", b" "),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"<", b">", b"&", b"(", b")", b"%", b"#"),
)


@st.composite
def mutations(draw: Any, valid: Sequence[bytes]) -> bytes:
    """Draw a valid file that was cut, flipped, spliced with another one, doubled or overwritten."""
    content = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 4))):
        size = len(content)
        place, other = draw(st.integers(0, size)), draw(st.integers(0, size))
        first, last = min(place, other), max(place, other)
        match draw(st.sampled_from(("cut", "flip", "splice", "double", "drop", "insert", "write"))):
            case "cut":
                del content[place:]
            case "flip" if place < size:
                content[place] ^= 1 << draw(st.integers(0, 7))
            case "splice":
                content[place:] = draw(st.sampled_from(valid))[other:]
            case "double":
                content[last:last] = content[first : min(last, first + 4096)]
            case "drop":
                del content[first : min(last, first + 64)]
            case "insert":
                content[place:place] = draw(st.sampled_from(_TOKENS) | st.binary(max_size=8))
            case "write":
                token = draw(st.sampled_from(_TOKENS) | st.binary(max_size=8))
                content[place : place + len(token)] = token
    return bytes(content)


def contents(valid: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Draw arbitrary bytes, arbitrary text, or a valid file that something has happened to."""
    arbitrary = st.binary(max_size=200) | st.text(max_size=100).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
    return arbitrary | mutations(valid) | mutations(valid)


def read_or_refuse(read: Callable[[], Any], *refusals: type[Exception]) -> Any:
    """Return what `read` returns; None where it refuses by an error of the zoo, one that tells."""
    try:
        return read()
    except (ZooError, *refusals) as error:
        refusal = str(error)
    assert refusal.strip(), "an error without a reason"
    return None
