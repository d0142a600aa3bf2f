"""What a template may print, and that it can print nothing else."""

from __future__ import annotations

import jinja2
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.render.environment import environment, render
from creator.render.values import Bits, Comment, Identifier, printable, signed_literal, table_rows

UNDEFINED = (jinja2.UndefinedError, CreatorError)


def printed(value: object) -> str:
    return environment().from_string("{{ value }}").render(value=value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Identifier("fc_1"), "fc_1"),
        (Bits(5, 4), '"0101"'),
        (Bits(-1, 3), '"111"'),
        (Comment("free text"), "free text"),
        (42, "42"),
        (-1, "-1"),
        (FixedPoint(8, 4), "fixed<8,4>"),
        (Rounding.FLOOR, "floor"),
        (Overflow.WRAP, "wrap"),
    ],
)
def test_typed_values_are_printed(value: object, text: str) -> None:
    assert printed(value) == text
    assert printable(value) is value


@pytest.mark.parametrize(
    "value", ["text", "", None, True, False, 1.5, b"x", ["a"], (1,), {"a": 1}, object(), lambda: 1, Exception("x"), str]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(CreatorError, match="a template tried to print"):
        printed(value)


def test_undefined_names_and_attributes_are_errors() -> None:
    for text in ("{{ missing }}", "{{ value.missing }}", "{% if missing %}x{% endif %}", "{% for x in missing %}{% endfor %}"):
        with pytest.raises(UNDEFINED):
            environment().from_string(text).render(value=1)


def test_a_literal_in_a_template_is_refused_too() -> None:
    with pytest.raises(CreatorError, match="a template tried to print"):
        environment().from_string("{{ value ~ 'x' }}").render(value=Identifier("a"))


def test_a_missing_value_stops_the_rendering_of_every_template() -> None:
    for name in environment().list_templates(["j2"]):
        with pytest.raises(UNDEFINED):
            environment().get_template(name).render()


def test_text_is_not_rendered_a_second_time() -> None:
    assert printed(Comment("{{ 7 * 7 }}{% raw %}")) == "{{ 7 * 7 }}{% raw %}"


def test_render_finds_templates_by_their_stem() -> None:
    values = {"entity": Identifier("m"), "purpose": Comment("p"), "depth": 2, "width": 2, "address_bits": 1, "block": False}
    text = render("rom", values | {"rows": table_rows(["01", "10"], 4), "word": Bits(1, 2)})
    assert '    "10", "01"\n' in text


@pytest.mark.parametrize(
    "text",
    ["x\nend entity;", "x\r\ny", "x\u2028y", "x\u0085y", "x\x0by\x0cz", "é", "\0", "\t", "a" * 500, "\ud800", "\x7f", "-- x"],
)
def test_a_comment_cannot_leave_its_line(text: str) -> None:
    comment = str(Comment(text))
    assert len(comment) == min(len(text), 60)
    assert len(comment.splitlines()) == 1
    assert all(" " <= character <= "~" for character in comment)


@pytest.mark.parametrize("text", ["", "in", "IN", "1a", "a b", "a;", "a\n", "é", "a__b", "_a", "a_", "a'b", 'a"b', "a--b"])
def test_an_identifier_is_checked(text: str) -> None:
    with pytest.raises(CreatorError, match="is not a VHDL identifier"):
        Identifier(text)


@pytest.mark.parametrize(("value", "width"), [(8, 3), (-5, 3), (0, 0), (1, 0), (-1, -1), (2**64, 64), (-(2**63) - 1, 64)])
def test_bits_that_do_not_fit_are_refused(value: int, width: int) -> None:
    with pytest.raises(CreatorError, match=f"{value} does not fit {width} bits"):
        Bits(value, width)


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_bits_print_every_value(width: int) -> None:
    for value in range(-(1 << (width - 1)), 1 << width):
        text = str(Bits(value, width))
        assert len(text) == width + 2
        assert int(text.strip('"'), 2) == value % (1 << width)


@pytest.mark.parametrize(("value", "width", "fits"), [(3, 3, True), (4, 3, False), (-4, 3, True), (-5, 3, False), (0, 1, True)])
def test_signed_literals_leave_room_for_the_sign(value: int, width: int, fits: bool) -> None:
    if fits:
        assert signed_literal(value, width) == Bits(value, width)
    else:
        with pytest.raises(CreatorError, match="signed bits"):
            signed_literal(value, width)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("columns", [1, 3, 4, 100])
def test_table_rows_list_the_highest_address_first(count: int, columns: int) -> None:
    rows = list(map(str, table_rows([f"{i:04b}" for i in range(count)], columns)))
    assert len(rows) == -(-count // columns)
    text = " ".join(rows)
    assert text.startswith("0 => ") == (count == 1)
    words = text.removeprefix("0 => ").split(", ")
    assert [int(word.strip('"'), 2) for word in words] == list(range(count))[::-1]
