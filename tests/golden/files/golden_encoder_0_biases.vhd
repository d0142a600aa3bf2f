-- golden_encoder_0_biases: biases of encoder.0 + encoder.1, 3 words of 4 bits.
-- Synchronous read: data follows address by one cycle in which enable is 1, and holds otherwise.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity golden_encoder_0_biases is
  port (
    clock   : in  std_logic;
    enable  : in  std_logic;
    address : in  std_logic_vector(1 downto 0);
    data    : out std_logic_vector(3 downto 0)
  );
end entity golden_encoder_0_biases;

architecture rtl of golden_encoder_0_biases is
  type memory_t is array (2 downto 0) of std_logic_vector(3 downto 0);
  -- The highest address comes first: with descending indices synthesis needs no subtraction to find a word.
  constant memory : memory_t := (
    "1010", "0001", "0110"
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
