-- creator_stream_fifo: a queue of words + 2 beats, words of them in a memory and two in registers behind it.
-- Latency 3 cycles; one beat a cycle passes. in_ready, out_valid and out_data come from registers.
library ieee;
use ieee.std_logic_1164.all;

entity creator_stream_fifo is
  generic (
    data_bits    : positive;
    words        : positive;
    address_bits : positive  -- so many that words fit
  );
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(data_bits - 1 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(data_bits - 1 downto 0);
    out_last  : out std_logic
  );
end entity creator_stream_fifo;

architecture rtl of creator_stream_fifo is
  signal arriving    : std_logic_vector(data_bits downto 0);
  signal fetches     : std_logic;  -- whether the memory's register is free
  signal fetched     : std_logic;
  signal word        : std_logic_vector(data_bits downto 0);
  signal gives       : std_logic;  -- whether the last register is free
  signal front_valid : std_logic;
  signal front       : std_logic_vector(data_bits downto 0);
begin
  arriving  <= in_data & in_last;
  out_valid <= front_valid;
  out_data  <= front(data_bits downto 1);
  out_last  <= front(0);
  gives     <= out_ready or not front_valid;
  fetches   <= gives or not fetched;

  memory : entity work.creator_fifo_memory
    generic map (
      data_bits    => data_bits + 1,
      words        => words,
      address_bits => address_bits
    )
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => in_valid,
      in_ready  => in_ready,
      in_data   => arriving,
      enable    => fetches,
      out_valid => fetched,
      out_data  => word
    );

  process (clock)
  begin
    if rising_edge(clock) then
      if gives = '1' then
        front_valid <= fetched;
        front       <= word;
      end if;

      if reset = '1' then
        front_valid <= '0';
      end if;
    end if;
  end process;
end architecture rtl;
