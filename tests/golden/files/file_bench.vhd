-- golden_file_bench: drives golden_top with vectors from a file and writes what comes out, with the clock cycle of every beat.
-- vectors: one input beat a line, tlast and tdata in binary. results: "out", cycle, tlast, tdata for each output beat, and "in",
-- cycle for the first input beat of each frame. The run ends when all output beats and none more have come, after 64 beats too
-- many, or after silence for too long; the last line is then "end" and the mark of the run.
-- Whoever reads the results must count them, and look for that line.
library ieee;
use ieee.std_logic_1164.all;
use ieee.math_real.all;
use std.textio.all;

entity golden_file_bench is
  generic (
    vectors   : string;
    results   : string;
    beats     : natural;          -- output beats to wait for; a few cycles more are watched for surplus ones
    patience  : natural := 100000; -- cycles without a transfer after which to give up
    profile   : natural := 0;     -- when both sides pause: an index into creator/simulation/stalls.py; 0: never
    seed      : natural := 0;     -- of what is random about that
    interrupt : natural := 0;     -- input beats of a first try that a reset cuts off before the run proper
    resets    : natural := 0;     -- tries of 1, 2, ... cycles before the run proper, each cut off by a reset
    mark      : string := "none"  -- of this run; ends the results, so that those of another are not taken for them
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

  signal source_pauses : boolean := false;
  signal sink_pauses   : boolean := false;
  signal takes         : boolean := false;  -- during tries: whether results are taken

  -- Whether a side pauses, given a number from 0 to 1 that is new in every cycle, and the cycle.
  function pauses(chance : real; now : natural) return boolean is
  begin
    case profile is
      when 1      => return chance < 0.5;
      when 2      => return chance < 0.1;
      when 3      => return chance < 0.3;
      when 4      => return chance < 0.9;
      when 5      => return now mod 2 = 1;
      when 6      => return (now / 16) mod 2 = 1;
      when others => return false;
    end case;
  end function pauses;
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
    variable first  : positive := seed mod 2147483562 + 1;
    variable second : positive := 1;
    variable chance : real;
    variable begun  : natural := 0;
  begin
    if rising_edge(clock) then
      cycle <= cycle + 1;
      if running then
        begun := begun + 1;
      end if;
      uniform(first, second, chance);
      source_pauses <= pauses(chance, cycle) or (profile = 8 and begun mod 300 >= 200);
      uniform(first, second, chance);
      -- The two sides of a regular profile are not in step.
      sink_pauses <= pauses(chance, cycle + cycle / 100) or (profile = 7 and begun mod 300 < 100);
    end if;
  end process count;

  drive : process
    -- What a source gives that offers nothing must not matter: nothing that is defined, and with pauses of odd numbers the
    -- contrary of the beat before, since a comparison with what is not defined is false.
    procedure idle is
    begin
      s_valid <= '0';
      if profile mod 2 = 1 then
        s_last <= not s_last;
        s_data <= not s_data;
      else
        s_last <= 'X';
        s_data <= (others => 'X');
      end if;
    end procedure idle;

    -- One cycle: a longer reset would hide what it fails to clear.
    procedure cut is
    begin
      resetn <= '0';
      wait until rising_edge(clock);
      resetn <= '1';
    end procedure cut;

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
        while source_pauses and spent < limit loop
          idle;
          wait until rising_edge(clock);
          spent := spent + 1;
        end loop;
        exit when spent >= limit;
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
      idle;
    end procedure send;
  begin
    for i in 1 to 4 loop
      wait until rising_edge(clock);
    end loop;
    resetn <= '1';
    if interrupt > 0 then
      send(interrupt, 40 * interrupt + 64);
      cut;
    end if;
    for cycles in 1 to resets loop
      takes <= cycles mod 2 = 1;
      send(natural'high, cycles);
      cut;
    end loop;
    running <= true;
    send(natural'high, natural'high);
    wait;
  end process drive;

  -- With pauses nothing is taken before the reset in mid-frame, so that it meets a network full of results.
  m_ready <= '0' when sink_pauses else '1' when running or takes or (profile = 0 and resets = 0) else '0';

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
    write(words, string'("end "));
    write(words, mark);
    writeline(sink, words);
    finished <= true;
    wait;
  end process watch;
end architecture bench;
