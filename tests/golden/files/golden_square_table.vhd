-- golden_square_table: table of square, by the input's bits, 32 words of 5 bits.
-- Synchronous read: data follows address by one cycle in which enable is 1, and holds otherwise.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity golden_square_table is
  port (
    clock   : in  std_logic;
    enable  : in  std_logic;
    address : in  std_logic_vector(4 downto 0);
    data    : out std_logic_vector(4 downto 0)
  );
end entity golden_square_table;

architecture rtl of golden_square_table is
  type memory_t is array (31 downto 0) of std_logic_vector(4 downto 0);
  -- The highest address comes first: with descending indices synthesis needs no subtraction to find a word.
  constant memory : memory_t := (
    "10001", "10100", "11001", "00000", "01001", "10100", "00001", "10000", "00001", "10100",
    "01001", "00000", "11001", "10100", "10001", "10000", "10001", "10100", "11001", "00000",
    "01001", "10100", "00001", "10000", "00001", "10100", "01001", "00000", "11001", "10100",
    "10001", "10000"
  );
begin
  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        data <= memory(to_integer(unsigned(address)));
      end if;
    end if;
  end process;
end architecture rtl;
