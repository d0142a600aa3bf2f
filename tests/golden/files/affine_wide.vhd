-- affine_wide: change of scale wide.
-- 3 elements a frame, affine<8,0.1,-20> to fixed<20,4>.
-- Multiplies by 100003 / 2**14.
-- One element a cycle, latency 4. The output's stall reaches the input in the same cycle.
library ieee;
use ieee.std_logic_1164.all;

entity affine_wide is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(7 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(19 downto 0);
    out_last  : out std_logic
  );
end entity affine_wide;

architecture rtl of affine_wide is
  signal enable  : std_logic;
  signal valid   : std_logic_vector(1 to 4);
  signal last    : std_logic_vector(1 to 4);
  signal value   : std_logic_vector(24 downto 0);
begin
  enable    <= out_ready or not valid(4);
  in_ready  <= enable;
  out_valid <= valid(4);
  out_last  <= last(4);

  control : process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        valid <= in_valid & valid(1 to 3);
        last  <= in_last & last(1 to 3);
      end if;

      if reset = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process control;

  multiplier : entity work.affine_wide_multiplier
    port map (
      clock  => clock,
      enable => enable,
      code   => in_data,
      value  => value
    );

  requantizer : entity work.affine_wide_requantizer
    port map (
      clock  => clock,
      enable => enable,
      value  => value,
      result => out_data
    );
end architecture rtl;
