-- affine_wide_multiplier: (code + 20) * 100003.
-- Codes affine<8,0.1,-20>.
-- Registers: operand, product.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_wide_multiplier is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    code   : in  std_logic_vector(7 downto 0);
    value  : out std_logic_vector(24 downto 0)
  );
end entity affine_wide_multiplier;

architecture rtl of affine_wide_multiplier is
  constant zero_point : signed(8 downto 0) := "111101100";  -- of the input, modulo 2**9
  constant multiplier : signed(17 downto 0) := "011000011010100011";
  signal operand : signed(8 downto 0);
  signal product : signed(26 downto 0);
begin
  -- Every product fits 25 bits: those above are copies of its sign.
  value <= std_logic_vector(product(24 downto 0));

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        operand <= resize(signed(code), 9) - zero_point;
        product <= operand * multiplier;
      end if;
    end if;
  end process;
end architecture rtl;
