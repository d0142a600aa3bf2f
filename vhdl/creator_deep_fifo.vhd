-- creator_deep_fifo: a queue of words beats in a memory, and of six or more behind it.
-- Latency 5 cycles; one beat a cycle passes. in_ready, out_valid and the enable of the memory come from registers.
-- What is read goes through two registers with one enable, which fit in a block RAM, into a small queue that closes the gaps.
library ieee;
use ieee.std_logic_1164.all;

entity creator_deep_fifo is
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
end entity creator_deep_fifo;

architecture rtl of creator_deep_fifo is
  signal arriving : std_logic_vector(data_bits downto 0);
  signal enable   : std_logic;  -- whether the registers move
  signal fetched  : std_logic;
  signal word     : std_logic_vector(data_bits downto 0);
  signal given    : std_logic;
  signal beat     : std_logic_vector(data_bits downto 0);
  signal push     : std_logic;
begin
  arriving <= in_data & in_last;
  push     <= enable and given;

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
      enable    => enable,
      out_valid => fetched,
      out_data  => word
    );

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        given <= fetched;
        beat  <= word;
      end if;

      if reset = '1' then
        given <= '0';
      end if;
    end if;
  end process;

  queue : entity work.creator_stream_queue
    generic map (
      data_bits => data_bits
    )
    port map (
      clock     => clock,
      reset     => reset,
      in_accept => enable,
      in_push   => push,
      in_data   => beat(data_bits downto 1),
      in_last   => beat(0),
      out_valid => out_valid,
      out_ready => out_ready,
      out_data  => out_data,
      out_last  => out_last
    );
end architecture rtl;
