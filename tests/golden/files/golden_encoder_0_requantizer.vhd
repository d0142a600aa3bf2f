-- golden_encoder_0_requantizer: from fixed<8,3> to fixed<6,2>.
-- Rounding half_even of a value with one half added, overflow saturate, limits 0 ... 31.
-- Registers: result.
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
  signal kept    : signed(6 downto 0);
  signal nearest : signed(6 downto 0);
  signal rounded : signed(6 downto 0);
begin
  wide <= resize(signed(value), 8);
  kept <= resize(wide(7 downto 1), 7);  -- rounded down
  -- With the half, a tie is where all dropped bits are 0: of the two codes next to it, the even one.
  nearest <= kept when wide(0 downto 0) /= "0" else kept and "1111110";
  rounded <= nearest(6 downto 0);

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
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
