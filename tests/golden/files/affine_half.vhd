-- affine_half: change of scale half.
-- 3 elements a frame, fixed<20,4> to affine<8,0.1,-20>.
-- Multiplies by 1 / 2**7, which takes no multiplier.
-- One element a cycle, latency 2. The output's stall reaches the input in the same cycle.
library ieee;
use ieee.std_logic_1164.all;

entity affine_half is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(19 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(7 downto 0);
    out_last  : out std_logic
  );
end entity affine_half;

architecture rtl of affine_half is
  signal enable  : std_logic;
  signal valid   : std_logic_vector(1 to 2);
  signal last    : std_logic_vector(1 to 2);
begin
  enable    <= out_ready or not valid(2);
  in_ready  <= enable;
  out_valid <= valid(2);
  out_last  <= last(2);

  control : process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        valid <= in_valid & valid(1 to 1);
        last  <= in_last & last(1 to 1);
      end if;

      if reset = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process control;

  requantizer : entity work.affine_half_requantizer
    port map (
      clock  => clock,
      enable => enable,
      value  => in_data,
      result => out_data
    );
end architecture rtl;
