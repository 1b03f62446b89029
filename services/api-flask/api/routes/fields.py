"""Types of fields with the same meaning in JSON, in PostgreSQL and in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator, StringConstraints, WithJsonSchema

#: The largest whole number that every JSON reader keeps exact (RFC 8259, section 6).
LARGEST = 2**53 - 1


def sensible_number(value: Any) -> float:  # noqa: ANN401 - any JSON value
    """Return ``value`` if it is a number that JSON keeps exact; an integer stays one.

    Raises:
        ValueError: it is no such number.
    """
    # In Python a bool is an int; for the caller it is not.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns only ValueErrors into faults
    # NaN compares false with everything, so the comparison refuses it too.
    if not -LARGEST <= value <= LARGEST:
        raise ValueError(f"must be between {-LARGEST} and {LARGEST}")
    return value


#: Any number that JSON keeps exact.
Number = Annotated[
    float,
    PlainValidator(sensible_number),
    WithJsonSchema({"type": "number", "minimum": -LARGEST, "maximum": LARGEST}),
]

#: One non-empty line of text: no control characters (PostgreSQL cannot store NUL), no space at its ends.
Text = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=200, pattern=r"^[^ \x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^ \x00-\x1f\x7f])?$"
    ),
]

#: A name for machines.
Word = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$")]
