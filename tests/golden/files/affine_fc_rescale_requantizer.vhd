-- affine_fc_rescale_requantizer: from fixed<25,15> to fixed<8,0>.
-- Rounding half_even, zero point -20, overflow saturate, limits -20 ... 127.
-- Registers: rounded value, result.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_fc_rescale_requantizer is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    value  : in  std_logic_vector(24 downto 0);
    result : out std_logic_vector(7 downto 0)
  );
end entity affine_fc_rescale_requantizer;

architecture rtl of affine_fc_rescale_requantizer is
  constant zero_point : signed(10 downto 0) := "11111101100";
  signal wide    : signed(24 downto 0);
  signal kept    : signed(10 downto 0);
  signal carry   : signed(1 downto 0);
  signal raised  : signed(11 downto 0);
  signal next_up : signed(10 downto 0);
  signal rounded : signed(9 downto 0);
begin
  wide <= resize(signed(value), 25);
  kept <= resize(wide(24 downto 15), 11);  -- rounded down
  -- One up where the dropped bits, 15 of them, exceed one half, or equal it and the code kept is odd.
  carry(1) <= '0';
  carry(0) <= wide(14) when wide(15) = '1' or wide(13 downto 0) /= "00000000000000" else '0';
  -- One adder for both: the carry comes in from the place below the zero point.
  raised  <= (kept & '1') + (zero_point & carry(0));
  next_up <= raised(11 downto 1);

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        rounded <= next_up(9 downto 0);
        if rounded < "1111101100" then
          result <= "11101100";
        elsif rounded(9) = '0' and rounded(8 downto 7) /= "00" then
          result <= "01111111";
        else
          result <= std_logic_vector(rounded(7 downto 0));
        end if;
      end if;
    end if;
  end process;
end architecture rtl;
