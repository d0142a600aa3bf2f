-- golden_odd_name_requantizer: from fixed<5,3> to ufixed<4,1>.
-- Rounding half_away, overflow wrap, limits 2 ... 11.
-- Registers: rounded value, result.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity golden_odd_name_requantizer is
  port (
    clock  : in  std_logic;
    enable : in  std_logic;
    value  : in  std_logic_vector(4 downto 0);
    result : out std_logic_vector(3 downto 0)
  );
end entity golden_odd_name_requantizer;

architecture rtl of golden_odd_name_requantizer is
  signal wide    : signed(4 downto 0);
  signal kept    : signed(3 downto 0);
  signal carry   : signed(1 downto 0);
  signal next_up : signed(3 downto 0);
  signal rounded : signed(3 downto 0);
  signal wrapped : signed(4 downto 0);
begin
  wide <= resize(signed(value), 5);
  kept <= resize(wide(4 downto 2), 4);  -- rounded down
  -- One up where the dropped bits, 2 of them, exceed one half, or equal it and the value is positive.
  carry(1) <= '0';
  carry(0) <= wide(1) when wide(4) = '0' or wide(0 downto 0) /= "0" else '0';
  next_up <= kept + carry;
  wrapped <= '0' & rounded(3 downto 0);

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        rounded <= next_up(3 downto 0);
        if wrapped < "00010" then
          result <= "0010";
        elsif wrapped > "01011" then
          result <= "1011";
        else
          result <= std_logic_vector(wrapped(3 downto 0));
        end if;
      end if;
    end if;
  end process;
end architecture rtl;
