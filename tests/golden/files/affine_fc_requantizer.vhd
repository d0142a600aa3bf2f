-- affine_fc_requantizer: from fixed<9,0> to fixed<9,0>.
-- Rounding half_even, overflow saturate, limits -256 ... 255.
-- Registers: result.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_fc_requantizer is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    value  : in  std_logic_vector(8 downto 0);
    result : out std_logic_vector(8 downto 0)
  );
end entity affine_fc_requantizer;

architecture rtl of affine_fc_requantizer is
  signal wide    : signed(8 downto 0);
  signal kept    : signed(8 downto 0);
  signal rounded : signed(8 downto 0);
begin
  wide <= resize(signed(value), 9);
  kept <= wide;
  rounded <= kept(8 downto 0);

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        result <= std_logic_vector(rounded(8 downto 0));
      end if;
    end if;
  end process;
end architecture rtl;
