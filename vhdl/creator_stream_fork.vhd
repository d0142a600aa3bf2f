-- creator_stream_fork: hands each beat of a stream to several branches; data and last go past it, to all of them.
-- A branch takes the beat when it can, and is not offered it again; the stream goes on once all have taken it, in the cycle
-- of the last of them. Latency 0. Ready depends on the branches' ready in the same cycle, valid does not.
library ieee;
use ieee.std_logic_1164.all;

entity creator_stream_fork is
  generic (
    branches : positive
  );
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    out_valid : out std_logic_vector(branches - 1 downto 0);
    out_ready : in  std_logic_vector(branches - 1 downto 0)
  );
end entity creator_stream_fork;

architecture rtl of creator_stream_fork is
  constant all_of_them : std_logic_vector(branches - 1 downto 0) := (others => '1');
  signal done     : std_logic_vector(branches - 1 downto 0);  -- which branches have taken the beat before this cycle
  signal finished : std_logic;
begin
  finished <= '1' when (done or out_ready) = all_of_them else '0';
  in_ready <= finished;

  branch : for i in 0 to branches - 1 generate
    out_valid(i) <= in_valid and not done(i);
  end generate branch;

  process (clock)
  begin
    if rising_edge(clock) then
      if in_valid = '1' then
        done <= done or out_ready;
        if finished = '1' then
          done <= (others => '0');
        end if;
      end if;

      if reset = '1' then
        done <= (others => '0');
      end if;
    end if;
  end process;
end architecture rtl;
