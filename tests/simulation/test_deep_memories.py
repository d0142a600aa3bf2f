"""Memories of more than 1024 words: banks, the registers behind them, and what has to wait for them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import creator
from creator import FixedPoint as F
from creator.graph.vectors import check_vectors
from creator.schedule.rom import is_block_rom, rom_banks
from creator.targets.family import BLOCK_SHAPES
from tests.graph.chains import ENTRY, chain, linear, rescale, table

WIDE_IN = F(12, 4)
FACTORS = random.Random(0).sample(range(1, 1 << 15), 1100)

# Name, graph, lanes, and the banks of one of its memories.
CASES = {
    "one bank": (chain(linear(40, 30), shape=(40,)), {}, "weights", 1),
    "two banks": (chain(linear(150, 64), shape=(150,)), {}, "weights", 2),
    "three banks": (chain(linear(340, 100), shape=(340,)), {}, "weights", 3),
    "biases": (chain(linear(1, 1100), shape=(1,)), {}, "biases", 1),
    "biases and lanes": (chain(linear(3, 2200), shape=(3,)), {"layer.0": (2, 2)}, "biases", 1),
    "used as they arrive": (chain(linear(1100, 2), shape=(1100,)), {"layer.0": (1, 2)}, "weights", 1),
    "wide": (chain(linear(150, 200), shape=(150,)), {"layer.0": (2, 10)}, "weights", 2),
    "table": (chain(table(bits=12, output=F(9, 4)), shape=(5,), entry=WIDE_IN), {}, "table", 2),
    "table with lanes": (chain(table(bits=12, output=ENTRY), shape=(5,), entry=WIDE_IN), {"layer.0": 3}, "table", 1),
    "factors": (chain(rescale(FACTORS, 12, F(8, 0)), shape=(2, 1100)), {}, "factors", 1),
}


def build(name: str, tmp_path: Path) -> tuple[creator.Graph, creator.Design, Path]:
    graph, lanes, *_ = CASES[name]
    design = creator.translate(graph, lanes=lanes)
    return graph, design, design.write(tmp_path / "build")


@pytest.mark.parametrize("name", CASES)
def test_latency_interval_and_every_bit(name: str, tmp_path: Path) -> None:
    graph, design, folder = build(name, tmp_path)
    run = creator.simulate(folder, check_vectors(graph, 2, seed=1), bench="vhdl")
    assert run.mismatches == 0, run.first
    assert (run.latency, run.interval) == (design.latency, design.interval)


@pytest.mark.parametrize("name", CASES)
def test_stalls_and_a_reset_in_mid_frame(name: str, tmp_path: Path) -> None:
    graph, _, folder = build(name, tmp_path)
    x = check_vectors(graph, 2, seed=2)
    run = creator.simulate(folder, x, bench="vhdl", stalls=1, interrupt=min(graph.input_type.size * 3 // 2, x.size - 1))
    assert run.mismatches == 0, run.first
    assert run.compared == len(x) * graph.output_type.size


@pytest.mark.parametrize("name", CASES)
def test_the_banks_are_those_expected(name: str, tmp_path: Path) -> None:
    *_, memory, banks = CASES[name]
    (found,) = build(name, tmp_path)[2].glob(f"vhdl/*_{memory}.vhd")
    assert found.read_text().count(": constant is") == banks


def blocks(banks: tuple[int, ...], width: int) -> int:
    """Block RAMs, each bank in the shape that takes the fewest."""
    return sum(min(-(-bank // depth) * -(-width // bits) for depth, bits in BLOCK_SHAPES.items()) for bank in banks)


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 16, 18, 36, 100])
@pytest.mark.parametrize("words", [1025, 1100, 1536, 2048, 2049, 4097, 5000, 9000, 16384, 16385, 100352])
def test_banks_hold_all_words_in_the_fewest_blocks(words: int, width: int) -> None:
    banks = rom_banks(words, width)
    assert sum(banks[:-1]) < words <= sum(banks)
    assert list(banks) == sorted(banks, reverse=True)
    assert all(bank.bit_count() == 1 for bank in banks)
    assert blocks(banks, width) <= blocks((words,), width)
    # No bank takes fewer blocks in parts, so synthesis has no reason to part it.
    whole = [-(-width // bits) for depth, bits in BLOCK_SHAPES.items() for bank in banks[:1] if depth >= bank]
    assert not whole or min(whole) == blocks(banks[:1], width)


def test_a_memory_that_is_not_deep_is_one_bank() -> None:
    assert rom_banks(1024, 8) == (1024,)
    assert rom_banks(3, 8) == (4,)


@pytest.mark.parametrize(
    ("words", "width", "block"),
    [(17, 31, True), (17, 30, False), (16, 1000, False), (32, 16, True), (511, 1, False), (512, 1, True)],
)
def test_which_memories_belong_in_block_ram(words: int, width: int, block: bool) -> None:
    assert is_block_rom(words, width) == block
