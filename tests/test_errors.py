import pytest

from creator.errors import CheckFailedError, CreatorError


def test_is_a_value_error():
    assert issubclass(CreatorError, ValueError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CreatorError("it is wrong"), "it is wrong"),
        (CreatorError("it is wrong", "here"), "here: it is wrong"),
        (CreatorError("it is wrong", hint="mend it"), "it is wrong (hint: mend it)"),
        (CreatorError("it is wrong", "here", "mend it"), "here: it is wrong (hint: mend it)"),
    ],
)
def test_text_says_where_what_and_hint(error, text):
    assert str(error) == text


def test_text_is_one_line_whatever_it_is_made_of():
    error = CreatorError("first\nsecond\r\n\tthird", "a\nplace", "a\x0bhint")
    assert str(error) == "a place: first second third (hint: a hint)"


def test_parts_stay_readable():
    error = CreatorError("it is wrong", "here", "mend it")
    assert (error.what, error.where, error.hint) == ("it is wrong", "here", "mend it")


def test_at_fills_in_a_missing_place_and_keeps_the_rest():
    placed = CreatorError("it is wrong", hint="mend it").at("layer 3")
    assert (placed.what, placed.where, placed.hint) == ("it is wrong", "layer 3", "mend it")


def test_at_keeps_the_kind_of_error():
    assert issubclass(CheckFailedError, CreatorError)
    assert type(CheckFailedError("a mismatch").at("bench")) is CheckFailedError


def test_at_leaves_a_known_place_alone():
    error = CreatorError("it is wrong", "here")
    assert error.at("there") is error
    assert error.where == "here"
