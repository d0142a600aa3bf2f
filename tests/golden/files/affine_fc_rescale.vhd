-- affine_fc_rescale: change of scale fc + relu.
-- 3 elements a frame, fixed<9,0> to affine<8,0.1,-20>.
-- Multiplies by factor / 2**15. A memory has the 3 factors, one for each channel: index along the last axis.
-- One element a cycle, latency 6. The output's stall reaches the input in the same cycle.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_fc_rescale is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(8 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(7 downto 0);
    out_last  : out std_logic
  );
end entity affine_fc_rescale;

architecture rtl of affine_fc_rescale is
  signal enable  : std_logic;
  signal valid   : std_logic_vector(1 to 6);
  signal last    : std_logic_vector(1 to 6);
  signal channel : unsigned(1 downto 0);
  signal entry   : std_logic_vector(15 downto 0);
  signal factor  : std_logic_vector(15 downto 0);
  -- The codes wait for their factors.
  signal code_1  : std_logic_vector(8 downto 0);
  signal code    : std_logic_vector(8 downto 0);
  signal value   : std_logic_vector(24 downto 0);
begin
  enable    <= out_ready or not valid(6);
  in_ready  <= enable;
  out_valid <= valid(6);
  out_last  <= last(6);

  control : process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        valid <= in_valid & valid(1 to 5);
        last  <= in_last & last(1 to 5);
      end if;

      if reset = '1' then
        valid <= (others => '0');
      end if;
    end if;
  end process control;

  count : process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        factor <= entry;
        code_1 <= in_data;
        code   <= code_1;
        if in_valid = '1' then
          channel <= channel + 1;
          if channel = 2 then
            channel <= (others => '0');
          end if;
        end if;
      end if;

      if reset = '1' then
        channel <= (others => '0');
      end if;
    end if;
  end process count;

  factors : entity work.affine_fc_rescale_factors
    port map (
      clock   => clock,
      enable  => enable,
      address => std_logic_vector(channel),
      data    => entry
    );

  multiplier : entity work.affine_fc_rescale_multiplier
    port map (
      clock  => clock,
      enable => enable,
      code   => code,
      factor => factor,
      value  => value
    );

  requantizer : entity work.affine_fc_rescale_requantizer
    port map (
      clock  => clock,
      enable => enable,
      value  => value,
      result => out_data
    );
end architecture rtl;
