-- affine_wide_requantizer: from fixed<25,14> to fixed<20,0>.
-- Rounding half_away, overflow saturate, limits -524288 ... 524287.
-- Registers: rounded value, result.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_wide_requantizer is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    value  : in  std_logic_vector(24 downto 0);
    result : out std_logic_vector(19 downto 0)
  );
end entity affine_wide_requantizer;

architecture rtl of affine_wide_requantizer is
  signal wide    : signed(24 downto 0);
  signal kept    : signed(11 downto 0);
  signal carry   : signed(1 downto 0);
  signal next_up : signed(11 downto 0);
  signal rounded : signed(10 downto 0);
begin
  wide <= resize(signed(value), 25);
  kept <= resize(wide(24 downto 14), 12);  -- rounded down
  -- One up where the dropped bits, 14 of them, exceed one half, or equal it and the value is positive.
  carry(1) <= '0';
  carry(0) <= wide(13) when wide(24) = '0' or wide(12 downto 0) /= "0000000000000" else '0';
  next_up <= kept + carry;

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        rounded <= next_up(10 downto 0);
        result <= std_logic_vector(resize(rounded, 20));
      end if;
    end if;
  end process;
end architecture rtl;
