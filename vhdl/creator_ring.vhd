-- creator_ring: simple dual-port memory of any depth, one write port and one read port on the same clock.
-- The read is synchronous: read_data follows read_address by one cycle in which read_enable is 1, and holds otherwise.
-- A word that is read while it is written gives either value. The contents are not reset.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity creator_ring is
  generic (
    data_bits    : positive;
    depth        : positive;
    address_bits : positive
  );
  port (
    clock         : in  std_logic;
    write_enable  : in  std_logic;
    write_address : in  std_logic_vector(address_bits - 1 downto 0);
    write_data    : in  std_logic_vector(data_bits - 1 downto 0);
    read_enable   : in  std_logic;
    read_address  : in  std_logic_vector(address_bits - 1 downto 0);
    read_data     : out std_logic_vector(data_bits - 1 downto 0)
  );
end entity creator_ring;

architecture rtl of creator_ring is
  type memory_t is array (depth - 1 downto 0) of std_logic_vector(data_bits - 1 downto 0);
  signal memory : memory_t;
begin
  process (clock)
  begin
    if rising_edge(clock) then
      if write_enable = '1' then
        memory(to_integer(unsigned(write_address))) <= write_data;
      end if;
      if read_enable = '1' then
        read_data <= memory(to_integer(unsigned(read_address)));
      end if;
    end if;
  end process;
end architecture rtl;
