-- golden_encoder_0_requantizer: from fixed<8,3> to fixed<6,2>.
-- Rounding half_even, overflow saturate, limits 0 ... 31.
-- Registers: rounded value, result.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity golden_encoder_0_requantizer is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    value  : in  std_logic_vector(7 downto 0);
    result : out std_logic_vector(5 downto 0)
  );
end entity golden_encoder_0_requantizer;

architecture rtl of golden_encoder_0_requantizer is
  signal wide    : signed(7 downto 0);
  signal kept    : signed(7 downto 0);
  signal carry   : signed(1 downto 0);
  signal next_up : signed(7 downto 0);
  signal rounded : signed(6 downto 0);
begin
  wide <= resize(signed(value), 8);
  kept <= resize(wide(7 downto 1), 8);  -- rounded down
  -- One up where the dropped bits, 1 of them, exceed one half, or equal it and the code kept is odd.
  carry(1) <= '0';
  carry(0) <= wide(0) and wide(1);
  next_up <= kept + carry;

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        rounded <= next_up(6 downto 0);
        if rounded(6) = '1' then
          result <= "000000";
        elsif rounded(6) = '0' and rounded(5 downto 5) /= "0" then
          result <= "011111";
        else
          result <= std_logic_vector(rounded(5 downto 0));
        end if;
      end if;
    end if;
  end process;
end architecture rtl;
