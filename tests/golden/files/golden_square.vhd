-- golden_square: table square.
-- 3 elements a frame, fixed<6,2> to fixed<5,3>.
-- One element a cycle, latency 2: the memory's register and one after it.
-- The output's stall reaches the input in the same cycle.
library ieee;
use ieee.std_logic_1164.all;

entity golden_square is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(5 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(4 downto 0);
    out_last  : out std_logic
  );
end entity golden_square;

architecture rtl of golden_square is
  signal enable : std_logic;
  signal valid  : std_logic_vector(1 to 2);
  signal last   : std_logic_vector(1 to 2);
  signal entry  : std_logic_vector(4 downto 0);
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

  entries : entity work.golden_square_table
    port map (
      clock   => clock,
      enable  => enable,
      address => in_data(4 downto 0),
      data    => entry
    );

  result : process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        out_data <= entry;
      end if;
    end if;
  end process result;
end architecture rtl;
