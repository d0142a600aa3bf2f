-- creator_deep_fifo: a queue of words beats in a memory, and of six or more behind it.
-- Latency 5 cycles; one beat a cycle passes. in_ready, out_valid and the enable of the memory come from registers.
-- What is read goes through two registers with one enable, which fit in a block RAM, into a small queue that closes the gaps.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

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
  signal full        : std_logic;
  signal filled      : std_logic;  -- whether any word is held
  signal held        : unsigned(address_bits - 1 downto 0);  -- 0 when full, if words = 2 ** address_bits
  signal write_place : unsigned(address_bits - 1 downto 0);
  signal read_place  : unsigned(address_bits - 1 downto 0);
  signal write       : std_logic;
  signal read        : std_logic;
  signal arriving    : std_logic_vector(data_bits downto 0);
  signal enable      : std_logic;  -- whether the registers move
  signal fetched     : std_logic;
  signal word        : std_logic_vector(data_bits downto 0);
  signal given       : std_logic;
  signal beat        : std_logic_vector(data_bits downto 0);
  signal push        : std_logic;
begin
  in_ready <= not full;
  arriving <= in_data & in_last;
  write    <= in_valid and not full;
  read     <= enable and filled;
  push     <= enable and given;

  memory : entity work.creator_ram
    generic map (
      data_bits    => data_bits + 1,
      address_bits => address_bits
    )
    port map (
      clock         => clock,
      write_enable  => write,
      write_address => std_logic_vector(write_place),
      write_data    => arriving,
      read_enable   => enable,
      read_address  => std_logic_vector(read_place),
      read_data     => word
    );

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        fetched <= filled;
        given   <= fetched;
        beat    <= word;
      end if;

      if write = '1' then
        write_place <= write_place + 1;
        if write_place = words - 1 then
          write_place <= (others => '0');
        end if;
      end if;
      if read = '1' then
        read_place <= read_place + 1;
        if read_place = words - 1 then
          read_place <= (others => '0');
        end if;
      end if;

      if write = '1' and read = '0' then
        held   <= held + 1;
        filled <= '1';
        if held = words - 1 then
          full <= '1';
        end if;
      elsif write = '0' and read = '1' then
        held <= held - 1;
        full <= '0';
        if held = 1 then
          filled <= '0';
        end if;
      end if;

      if reset = '1' then
        full        <= '0';
        filled      <= '0';
        held        <= (others => '0');
        write_place <= (others => '0');
        read_place  <= (others => '0');
        fetched     <= '0';
        given       <= '0';
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
