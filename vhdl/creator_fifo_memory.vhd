-- creator_fifo_memory: the memory of a queue of words beats, and the register behind it, which moves where enable is 1.
-- in_ready, out_valid and out_data come from registers; out_valid is whether the register holds a beat.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity creator_fifo_memory is
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
    enable    : in  std_logic;
    out_valid : out std_logic;
    out_data  : out std_logic_vector(data_bits - 1 downto 0)
  );
end entity creator_fifo_memory;

architecture rtl of creator_fifo_memory is
  signal full        : std_logic;
  signal filled      : std_logic;  -- whether any word is held
  signal held        : unsigned(address_bits - 1 downto 0);  -- 0 when full, if words = 2 ** address_bits
  signal write_place : unsigned(address_bits - 1 downto 0);
  signal read_place  : unsigned(address_bits - 1 downto 0);
  signal write       : std_logic;
  signal read        : std_logic;
begin
  in_ready <= not full;
  write    <= in_valid and not full;
  read     <= enable and filled;

  -- What is read where no word is held does not matter.
  memory : entity work.creator_ram
    generic map (
      data_bits    => data_bits,
      address_bits => address_bits
    )
    port map (
      clock         => clock,
      write_enable  => write,
      write_address => std_logic_vector(write_place),
      write_data    => in_data,
      read_enable   => enable,
      read_address  => std_logic_vector(read_place),
      read_data     => out_data
    );

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        out_valid <= filled;
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
        out_valid   <= '0';
      end if;
    end if;
  end process;
end architecture rtl;
