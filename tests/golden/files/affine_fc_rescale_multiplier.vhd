-- affine_fc_rescale_multiplier: code * factor.
-- Codes fixed<9,0>.
-- Registers: operands, product.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_fc_rescale_multiplier is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    code   : in  std_logic_vector(8 downto 0);
    factor : in  std_logic_vector(15 downto 0);
    value  : out std_logic_vector(24 downto 0)
  );
end entity affine_fc_rescale_multiplier;

architecture rtl of affine_fc_rescale_multiplier is
  signal operand : signed(8 downto 0);
  signal multiplier : signed(16 downto 0);
  signal product : signed(25 downto 0);
begin
  -- Every product fits 25 bits: those above are copies of its sign.
  value <= std_logic_vector(product(24 downto 0));

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        operand <= signed(code);
        multiplier <= signed('0' & factor);
        product <= operand * multiplier;
      end if;
    end if;
  end process;
end architecture rtl;
