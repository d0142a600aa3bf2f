"""Values with a scale and a zero point in a graph: types, text, files, vectors, and the operations on them."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import creator
from creator import CreatorError, FixedPoint, Graph
from creator.affine import Affine
from creator.graph.text import arrays_of, parse_graph, print_graph
from creator.graph.vectors import check_vectors, corner_vectors
from creator.ops import Clamp, Lookup, Reshape, TensorType
from tests.graph.chains import chain, linear, quantize, rescale, table
from tests.oracle import run

F = FixedPoint
A = Affine(0.1, 3, 8)
U = Affine(0.037, 200, 8, signed=False)


def network() -> Graph:
    """Affine from end to end."""
    return chain(
        Clamp(-100, 90),
        linear(entry=A, weight_format=F(8, 0), output=F(52, 0)),
        rescale([40000, 50001, 3], 20, U),
        Reshape((3, 1)),
        Lookup(np.arange(256) % 31 - 15, Affine(1 / 3, -2, 5)),
        entry=A,
    )


def test_an_affine_network_computes_its_formulas() -> None:
    graph = network()
    x = check_vectors(graph, 200)
    assert np.array_equal(graph.run(x), run(graph, x))
    assert graph.input_format == A
    assert graph.output_format == Affine(1 / 3, -2, 5)
    for name, values in graph.run_all(x).items():
        low, high = graph.intervals[name]
        assert low <= values.min()
        assert values.max() <= high


# Types.


def test_a_scale_for_each_index_is_refused() -> None:
    with pytest.raises(CreatorError, match=r"has a scale for each index along an axis .hint: give the values of a network one"):
        TensorType((2,), Affine((0.1, 0.2), axis=0))


def test_types_with_other_scales_differ() -> None:
    assert TensorType((2,), A) == TensorType((2,), Affine(0.1, 3, 8))
    assert TensorType((2,), A) != TensorType((2,), Affine(math.nextafter(0.1, 1), 3, 8))
    assert TensorType((2,), Affine(1.0)) != TensorType((2,), F(8, 0))
    node = network().nodes[-1]
    broken = dataclasses.replace(node, type=TensorType((3, 1), Affine(0.3333, -2, 5)))
    with pytest.raises(CreatorError, match=r"is declared affine<5,0\.3333,-2>"):
        dataclasses.replace(network(), nodes=(*network().nodes[:-1], broken)).verify()


# Text and files.


def test_the_text_is_what_the_documentation_shows() -> None:
    assert chain(rescale([3], 4, U), paths=("fc",), entry=A).text().splitlines() == [
        "creator-graph 1",
        "input input : affine<8,0.1,3>[4]",
        "fc = rescale(input) factors=@[1] shift=4 output=uaffine<8,0.037,200> rounding=half_even low=0 high=255 : "
        'uaffine<8,0.037,200>[4] from "fc"',
        "return fc",
    ]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.floats(2.0**-126, 2.0**126), st.data())
def test_every_scale_survives_to_the_last_bit(scale: float, data: st.DataObject) -> None:
    signed, bits = data.draw(st.booleans()), data.draw(st.integers(2, 24))
    symmetric = signed and data.draw(st.booleans())
    codes = F(bits, 0, signed, symmetric)
    fmt = Affine(scale, data.draw(st.integers(codes.min_code, codes.max_code)), bits, signed, None, symmetric)
    graph = chain(rescale([3], 1, fmt), entry=fmt)
    again = parse_graph(print_graph(graph), arrays_of(graph))
    assert again.input_type == graph.input_type
    assert again.nodes[0].type == graph.nodes[0].type
    assert again.nodes[0].op.output == fmt
    assert again.input_format.scale.hex() == float(scale).hex()


def test_a_file_and_a_build_folder_bring_it_back(tmp_path: Path) -> None:
    graph = network()
    graph.save(tmp_path / "g")
    assert creator.load(tmp_path / "g").text() == graph.text()
    folder = creator.translate(graph).write(tmp_path / "build")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["input"]["scale"] == 0.1
    assert manifest["output"]["scale"] == 1 / 3
    assert (manifest["output"]["zero_point"], manifest["output"]["format"]) == (-2, str(graph.output_format))
    assert creator.simulate(folder, bench="vhdl").passed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("affine<8,0.1,3>[4]", f"{fmt}[4]")
        for fmt in (
            "affine<8,nan,3>", "affine<8,inf,3>", "affine<8,0.0,3>", "affine<8,-0.1,3>", "affine<8,1e,3>", "affine<8,,3>",
            "affine<8,1e-60,3>", "affine<8,1e99,3>", "affine<8,0.1,128>", "affine<8,0.1>", "affine<25,0.1,3>",
            "affine<0,0.1,3>", "affine<8,0.1,3,odd>", "affine<8,0.1,3.0>", "affine<8,0x1p-3,3>", "affine<8,0.1_0,3>",
            f"affine<8,{'9' * 5000},3>", f"affine<8,0.1,{'9' * 5000}>", f"affine<8,0.1,{'9' * 4000}>",
            "uaffine<8,0.1,3,symmetric>", "affine<8,[2 along 0],3>", "float<8,0.1,3>",
        )
    ]
    + [
        ("output=uaffine<8,0.037,200>", "output=uaffine<8,0.0370000000000001,200>"),
        ("output=uaffine<8,0.037,200>", "output=uaffine<8,0.037,201>"),
        ("output=uaffine<8,0.037,200>", "output=ufixed<8,0>"),
        ("accumulator=fixed<52,0>", "accumulator=affine<8,0.1,3>"),
        ("weight_format=fixed<8,0>", "weight_format=affine<8,1.0,0>"),
        ("output=fixed<52,0>", "output=affine<8,1.0,0>"),
        ("shift=20", "shift=63"),
        ("shift=20", "shift=-1"),
        ("factors=@[3]", "factors=@[1]"),
        ("rounding=half_even low=0", "rounding=half_even overflow=saturate low=0"),
    ],
)  # fmt: skip
def test_altered_text_is_refused_in_one_line(old: str, new: str) -> None:
    graph = chain(linear(entry=A, weight_format=F(8, 0), output=F(52, 0)), rescale([40000, 50001, 3], 20, U), entry=A)
    assert old in graph.text()
    with pytest.raises(CreatorError) as info:
        parse_graph(graph.text().replace(old, new), arrays_of(graph))
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("factors", [[1, 2], [1, 2, -3], [1, 2, 2**31], [2**62] * 3])
def test_altered_factors_are_refused(factors: list[int]) -> None:
    graph = chain(rescale([1, 2, 3], 4, U), shape=(3,), entry=A)
    with pytest.raises(CreatorError):
        parse_graph(graph.text(), arrays_of(graph) | {"layer_0.factors": np.array(factors)})


# Vectors and values.


def test_the_zero_corner_is_the_code_of_zero() -> None:
    assert corner_vectors(chain(entry=A)).tolist() == [[-128] * 4, [127] * 4, [3] * 4, [127, -128, 127, -128]]
    assert corner_vectors(chain(entry=U))[2].tolist() == [200] * 4


@pytest.mark.parametrize(
    ("x", "message"), [(np.full((1, 4), 128), "code 128 is outside"), (np.zeros((1, 4)), "expected integer codes")]
)
def test_wrong_input_is_refused(x: np.ndarray, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        chain(Clamp(0, 9), entry=A).run(x)


def test_values_become_codes_and_back_at_the_ends() -> None:
    graph = chain(rescale([1], 0, A), entry=A)
    values = np.array([[0.0, 0.1, -13.1, 12.4]])
    codes = graph.input_format.to_integers(values)
    assert codes.tolist() == [[3, 4, -128, 127]]
    assert np.allclose(graph.output_format.from_integers(graph.run(codes)), values)


# Operations.


def test_a_linear_layer_multiplies_codes() -> None:
    op = linear(entry=F(8, 0), weight_format=F(8, 0), output=F(52, 0))
    for entry in (A, U, Affine(0.2, 0, 5, symmetric=True)):
        graph = chain(op, entry=entry)
        x = check_vectors(graph, 200)
        assert np.array_equal(graph.run(x), x @ op.weight.T + op.bias)
        assert op.align(graph.input_type) == 0
        fixed = chain(op, entry=entry.codes)
        assert graph.intervals["layer_0"] == fixed.intervals["layer_0"]


def test_clamps_limit_codes() -> None:
    graph = chain(Clamp(5, 210), entry=U)
    assert graph.run([[0, 5, 210, 255]]).tolist() == [[5, 5, 210, 210]]
    with pytest.raises(CreatorError, match=r"the clamp -1 ... 5 is not a range of uaffine<8,0.037,200>"):
        chain(Clamp(-1, 5), entry=U)


@pytest.mark.parametrize(("entry", "output"), [(A, F(7, 6)), (F(8, 4), A), (U, A)], ids=str)
def test_tables_between_formats_of_both_kinds(entry: Affine | FixedPoint, output: Affine | FixedPoint) -> None:
    graph = chain(table(output), entry=entry)
    codes = np.arange(entry.min_code, entry.max_code + 1)
    assert np.array_equal(graph.run(np.repeat(codes[:, None], 4, 1))[:, 0], graph.nodes[0].op.table[codes % 256])
    assert graph.output_format == output


def test_an_entry_outside_an_affine_format_is_refused() -> None:
    with pytest.raises(CreatorError, match="in its table, code 255 is outside"):
        chain(Lookup(np.arange(256), A))


def test_a_shift_by_a_power_of_two_is_refused_between_scales() -> None:
    for op in (quantize(F(8, 4)), quantize(A)):
        with pytest.raises(CreatorError, match=r"is no shift by a power of two .hint: .* the operation is rescale"):
            chain(op, entry=A)
    with pytest.raises(CreatorError, match=r"a change from fixed<8,4> to affine<8,0.1,3> is no shift"):
        chain(quantize(A))


def test_a_linear_layer_cannot_give_an_affine_format() -> None:
    with pytest.raises(CreatorError, match=r"its output affine<8,0.1,3> .*hint: .*rescale"):
        chain(linear(output=A))
