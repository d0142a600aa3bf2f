-- affine_fc_weights: weights of fc, row by row, 12 words of 3 bits.
-- Synchronous read: data follows address by one cycle in which enable is 1, and holds otherwise.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_fc_weights is
  port (
    clock   : in  std_logic;
    enable  : in  std_logic;
    address : in  std_logic_vector(3 downto 0);
    data    : out std_logic_vector(2 downto 0)
  );
end entity affine_fc_weights;

architecture rtl of affine_fc_weights is
  type memory_t is array (11 downto 0) of std_logic_vector(2 downto 0);
  -- The highest address comes first: with descending indices synthesis needs no subtraction to find a word.
  constant memory : memory_t := (
    "110", "010", "001", "000", "111", "110", "010", "001", "000", "111", "110", "010"
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
