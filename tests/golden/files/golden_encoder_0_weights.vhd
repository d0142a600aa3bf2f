-- golden_encoder_0_weights: weights of encoder.0 + encoder.1, row by row, 18 words of 3 bits.
-- Synchronous read: data follows address by one cycle in which enable is 1, and holds otherwise.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity golden_encoder_0_weights is
  port (
    clock   : in  std_logic;
    enable  : in  std_logic;
    address : in  std_logic_vector(4 downto 0);
    data    : out std_logic_vector(2 downto 0)
  );
end entity golden_encoder_0_weights;

architecture rtl of golden_encoder_0_weights is
  type memory_t is array (17 downto 0) of std_logic_vector(2 downto 0);
  -- The highest address comes first: with descending indices synthesis needs no subtraction to find a word.
  constant memory : memory_t := (
    "110", "101", "011", "010", "001", "000", "111", "110", "101", "011", "010", "001", "000",
    "111", "110", "101", "011", "010"
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
