-- creator_stream_fifo: a queue of words + 2 beats, words of them in a memory and two in registers behind it.
-- Latency 3 cycles; one beat a cycle passes. in_ready, out_valid and out_data come from registers.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

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
  signal full        : std_logic;
  signal filled      : std_logic;  -- whether any word is held
  signal held        : unsigned(address_bits downto 0);
  signal write_place : unsigned(address_bits - 1 downto 0);
  signal read_place  : unsigned(address_bits - 1 downto 0);
  signal write       : std_logic;
  signal read        : std_logic;
  signal arriving    : std_logic_vector(data_bits downto 0);
  signal fetches     : std_logic;  -- whether the memory's register is free
  signal fetched     : std_logic;
  signal word        : std_logic_vector(data_bits downto 0);
  signal gives       : std_logic;  -- whether the last register is free
  signal front_valid : std_logic;
  signal front       : std_logic_vector(data_bits downto 0);
begin
  in_ready  <= not full;
  out_valid <= front_valid;
  out_data  <= front(data_bits downto 1);
  out_last  <= front(0);
  arriving  <= in_data & in_last;
  write     <= in_valid and not full;
  gives     <= out_ready or not front_valid;
  fetches   <= gives or not fetched;
  read      <= fetches and filled;

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
      read_enable   => read,
      read_address  => std_logic_vector(read_place),
      read_data     => word
    );

  process (clock)
  begin
    if rising_edge(clock) then
      if gives = '1' then
        front_valid <= fetched;
        front       <= word;
      end if;
      if fetches = '1' then
        fetched <= filled;
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
        front_valid <= '0';
      end if;
    end if;
  end process;
end architecture rtl;
