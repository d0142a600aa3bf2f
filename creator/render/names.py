"""Legal VHDL names from any text, in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from creator.render.values import Identifier

_LEGAL = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")

_WORDS = """
abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body buffer bus
case component configuration constant context cover default disconnect downto else elsif end entity exit fairness file
for force function generate generic group guarded if impure in inertial inout is label library linkage literal loop map
mod nand new next nor not null of on open or others out package parameter port postponed procedure process property
protected private pure range record register reject release rem report restrict restrict_guarantee return rol ror select
sequence severity shared signal sla sll sra srl strong subtype then to transport type unaffected units until use
variable view vmode vprop vunit wait when while with xnor xor
"""

RESERVED = frozenset(_WORDS.split())
"""Reserved words of VHDL-2008 and 2019."""


PREDEFINED = frozenset(
    """work ieee std standard textio std_logic_1164 numeric_std std_logic std_logic_vector signed unsigned resize
    to_integer to_signed rising_edge shift_left boolean natural positive integer string bit time""".split()  # noqa: SIM905
)
"""Names that VHDL text uses from libraries, which an entity of the same name would hide."""

_VERILOG = """
    always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign default defparam design
    disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive endspecify endtable endtask event for
    force forever fork function generate genvar highz0 highz1 if ifnone incdir include initial inout input instance integer join
    large liblist library localparam macromodule medium module nand negedge nmos nor noshowcancelled not notif0 notif1 or output
    parameter pmos posedge primitive pull0 pull1 pulldown pullup rcmos real realtime reg release repeat rnmos rpmos rtran
    rtranif0 rtranif1 scalared showcancelled signed small specify specparam strong0 strong1 supply0 supply1 table task time tran
    tranif0 tranif1 tri tri0 tri1 triand trior trireg unsigned use vectored wait wand weak0 weak1 while wire wor xnor xor bit
    uwire accept_on alias always_comb always_ff always_latch assert assume before bind bins binsof break byte chandle checker
    class clocking const constraint context continue cover covergroup coverpoint cross dist do endchecker endclass endclocking
    endgroup endinterface endpackage endprogram endproperty endsequence enum eventually expect export extends extern final
    first_match foreach forkjoin global iff ignore_bins illegal_bins implements implies import inside int interconnect interface
    intersect let local logic longint matches modport nettype new nexttime null package packed priority program property
    protected pure rand randc randcase randsequence ref reject_on restrict return s_always s_eventually s_nexttime s_until
    s_until_with sequence shortint shortreal soft solve static string strong struct super sync_accept_on sync_reject_on tagged
    this throughout timeprecision timeunit type typedef union unique unique0 until until_with untyped var virtual void
    wait_order weak wildcard with within
"""

VERILOG = frozenset(_VERILOG.split())
"""Reserved words of Verilog-2005 and SystemVerilog-2017: GHDL hands entity names on to Yosys as they are."""


def is_legal(text: str) -> bool:
    """Whether ``text`` is a basic identifier (IEEE 1076-2008, 15.4.2) and no reserved word."""
    return _LEGAL.fullmatch(text) is not None and text.lower() not in RESERVED


def legal(text: str) -> str:
    """A legal identifier as close to ``text`` as can be, at most 48 characters; the same for the same text."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text)[:44].strip("_")
    if not name[:1].isalpha():
        name = f"n_{name}".rstrip("_")
    return f"{name}_x" if name.lower() in RESERVED else name


class Names:
    """Hands out identifiers that are unique in one scope, case-insensitively.

    Args:
        taken: names that are already in use there.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def unique(self, text: str, suffixes: Iterable[str] = ("",)) -> Identifier:
        """An identifier from ``text`` such that it with each of ``suffixes`` is free; all of those are then taken."""
        base, suffixes = legal(text), tuple(suffixes)
        candidate, count = base, 2
        while any(f"{candidate}{suffix}".lower() in self._taken for suffix in suffixes):
            candidate, count = f"{base}_{count}", count + 1
        self._taken.update(f"{candidate}{suffix}".lower() for suffix in suffixes)
        return Identifier(candidate)
