-- golden_file_bench: drives golden_top with vectors from a file and writes what comes out, with the clock cycle of every beat.
-- vectors: one input beat a line, tlast and tdata in binary. results: "out", cycle, tlast, tdata for each output beat, and "in",
-- cycle for the first input beat of each frame. The run ends when all output beats and none more have come, after 64 beats too
-- many, or after silence for too long;
-- whoever reads the results must count them.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;

entity golden_file_bench is
  generic (
    vectors   : string;
    results   : string;
    beats     : natural;          -- output beats to wait for; a few cycles more are watched for surplus ones
    patience  : natural := 100000; -- cycles without a transfer after which to give up
    stalls    : natural := 0;     -- 0: full speed; else a seed: both sides pause at random, half of the time
    interrupt : natural := 0      -- input beats of a first try that a reset cuts off before the run proper
  );
end entity golden_file_bench;

architecture bench of golden_file_bench is
  constant period : time := 10 ns;
  signal clock    : std_logic := '0';
  signal resetn   : std_logic := '0';
  signal running  : boolean := false;
  signal finished : boolean := false;
  signal cycle    : natural := 0;

  signal s_data  : std_logic_vector(7 downto 0) := (others => '0');
  signal s_valid : std_logic := '0';
  signal s_ready : std_logic;
  signal s_last  : std_logic := '0';
  signal m_data  : std_logic_vector(7 downto 0);
  signal m_valid : std_logic;
  signal m_ready : std_logic := '0';
  signal m_last  : std_logic;

  -- A 16-bit Fibonacci shift register, x^16 + x^14 + x^13 + x^11 + 1, decides about pauses.
  function stepped(state : std_logic_vector(15 downto 0)) return std_logic_vector is
  begin
    return state(14 downto 0) & (state(15) xor state(13) xor state(12) xor state(10));
  end function;
  signal noise : std_logic_vector(15 downto 0) := std_logic_vector(to_unsigned(stalls mod 65535 + 1, 16));
begin
  clock  <= not clock after period / 2 when not finished else '0';

  device : entity work.golden_top
    port map (
      aclk          => clock,
      aresetn       => resetn,
      s_axis_tdata  => s_data,
      s_axis_tvalid => s_valid,
      s_axis_tready => s_ready,
      s_axis_tlast  => s_last,
      m_axis_tdata  => m_data,
      m_axis_tvalid => m_valid,
      m_axis_tready => m_ready,
      m_axis_tlast  => m_last
    );

  count : process (clock)
  begin
    if rising_edge(clock) then
      cycle <= cycle + 1;
      noise <= stepped(noise);
    end if;
  end process count;

  drive : process
    -- Sends beats until so many were taken, or so many cycles have passed.
    procedure send(most : in natural; limit : in natural) is
      file source    : text open read_mode is vectors;
      variable words : line;
      variable last  : std_logic;
      variable data  : std_logic_vector(7 downto 0);
      variable sent  : natural := 0;
      variable spent : natural := 0;
    begin
      while sent < most and spent < limit and not endfile(source) loop
        readline(source, words);
        read(words, last);
        read(words, data);
        while stalls /= 0 and noise(0) = '1' loop
          s_valid <= '0';
          wait until rising_edge(clock);
        end loop;
        s_valid <= '1';
        s_last  <= last;
        s_data  <= data;
        loop
          wait until rising_edge(clock);
          spent := spent + 1;
          exit when s_ready = '1' or spent >= limit;
        end loop;
        sent := sent + 1;
      end loop;
      s_valid <= '0';
    end procedure send;
  begin
    for i in 1 to 4 loop
      wait until rising_edge(clock);
    end loop;
    resetn <= '1';
    if interrupt > 0 then
      send(interrupt, 8 * interrupt + 64);
      -- One cycle: a longer reset would hide what it fails to clear.
      resetn <= '0';
      wait until rising_edge(clock);
      resetn <= '1';
    end if;
    running <= true;
    send(natural'high, natural'high);
    wait;
  end process drive;

  -- With stalls nothing is taken before the reset in mid-frame, so that it meets a network full of results.
  m_ready <= '1' when stalls = 0 else noise(7) when running else '0';

  watch : process
    file sink       : text open write_mode is results;
    variable words  : line;
    variable taken  : natural := 0;
    variable idle   : natural := 0;
    variable starts : boolean := true;
  begin
    -- A device that hangs before the reset in mid-frame must not keep the run waiting for what comes after it.
    wait until rising_edge(clock) and (running or cycle > patience);
    while idle < patience and not (taken >= beats and idle > 64) and taken < beats + 64 loop
      idle := idle + 1;
      if s_valid = '1' and s_ready = '1' then
        if starts then
          write(words, string'("in "));
          write(words, cycle);
          writeline(sink, words);
        end if;
        starts := s_last = '1';
        idle := 0;
      end if;
      if m_valid = '1' and m_ready = '1' then
        write(words, string'("out "));
        write(words, cycle);
        write(words, ' ');
        write(words, m_last);
        write(words, ' ');
        write(words, m_data);
        writeline(sink, words);
        taken := taken + 1;
        idle := 0;
      end if;
      wait until rising_edge(clock);
    end loop;
    finished <= true;
    wait;
  end process watch;
end architecture bench;
