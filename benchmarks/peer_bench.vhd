-- Bench for the peer's network: a memory that answers x_address at once, as the network's first layer expects; reads
-- the outputs through y_address after done; writes one line for each vector: cycle of the start, cycle of the last
-- output, outputs.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
use std.textio.all;

entity bench is
  generic (
    count : positive := 1;  -- vectors
    gap : positive := 1     -- cycles with enable low before each
  );
end entity;

architecture sim of bench is
  type memory_t is array (0 to 15) of std_logic_vector(7 downto 0);
  signal memory : memory_t := (others => (others => '0'));
  signal clock, enable, done : std_logic := '0';
  signal x_address : std_logic_vector(3 downto 0);
  signal y_address : std_logic_vector(2 downto 0) := "000";
  signal x, y : std_logic_vector(7 downto 0);
  signal cycle : natural := 0;
  signal finished : boolean := false;
begin
  x <= memory(to_integer(unsigned(x_address)));

  network : entity work.network
    port map (
      enable => enable, clock => clock, x_address => x_address, y_address => y_address, x => x, y => y, done => done
    );

  ticks : process
  begin
    while not finished loop
      wait for 5 ns;
      clock <= '1';
      cycle <= cycle + 1;
      wait for 5 ns;
      clock <= '0';
    end loop;
    wait;
  end process;

  -- Everything is driven and looked at on falling edges, where nothing of the network changes.
  main : process
    file vectors : text open read_mode is "vectors.txt";
    file results : text open write_mode is "results.txt";
    variable row, answer : line;
    variable word : bit_vector(7 downto 0);
    variable start : natural;
  begin
    for sample in 1 to count loop
      enable <= '0';
      for i in 1 to gap loop
        wait until falling_edge(clock);
      end loop;
      for i in memory'range loop
        readline(vectors, row);
        read(row, word);
        memory(i) <= to_stdlogicvector(word);
      end loop;
      enable <= '1';
      start := cycle + 1;
      -- Done of the inference before falls a few cycles late.
      for i in 1 to 10 loop
        wait until falling_edge(clock);
      end loop;
      while done /= '1' loop
        assert cycle - start < 100000 report "no done" severity failure;
        wait until falling_edge(clock);
      end loop;
      write(answer, start);
      write(answer, string'(" "));
      row := new string'("");
      for i in 0 to 4 loop
        y_address <= std_logic_vector(to_unsigned(i, 3));
        wait until falling_edge(clock);
        write(row, string'(" "));
        for bit_index in y'range loop
          write(row, std_logic'image(y(bit_index))(2));
        end loop;
      end loop;
      write(answer, cycle);
      write(answer, row.all);
      writeline(results, answer);
    end loop;
    finished <= true;
    wait;
  end process;
end architecture;
