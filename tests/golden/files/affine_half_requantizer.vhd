-- affine_half_requantizer: from fixed<20,7> to fixed<8,0>.
-- Rounding half_up, zero point -20, overflow saturate, limits -128 ... 127.
-- Registers: rounded value, result.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_half_requantizer is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    value  : in  std_logic_vector(19 downto 0);
    result : out std_logic_vector(7 downto 0)
  );
end entity affine_half_requantizer;

architecture rtl of affine_half_requantizer is
  constant zero_point : signed(13 downto 0) := "11111111101100";
  signal wide    : signed(19 downto 0);
  signal kept    : signed(13 downto 0);
  signal carry   : signed(1 downto 0);
  signal raised  : signed(14 downto 0);
  signal next_up : signed(13 downto 0);
  signal rounded : signed(5 downto 0);
begin
  wide <= resize(signed(value), 20);
  kept <= resize(wide(19 downto 7), 14);  -- rounded down
  -- One up where the dropped bits, 7 of them, are at least one half.
  carry(1) <= '0';
  carry(0) <= wide(6);
  -- One adder for both: the carry comes in from the place below the zero point.
  raised  <= (kept & '1') + (zero_point & carry(0));
  next_up <= raised(14 downto 1);

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        rounded <= next_up(5 downto 0);
        result <= std_logic_vector(resize(rounded, 8));
      end if;
    end if;
  end process;
end architecture rtl;
