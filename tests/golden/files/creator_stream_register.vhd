-- creator_stream_register: one stage of a stream, with every output from a register, in_ready included.
-- Latency 1 cycle, one transfer a cycle. A second register holds the element that arrives while the output is stalled.
library ieee;
use ieee.std_logic_1164.all;

entity creator_stream_register is
  generic (
    data_bits : positive
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
end entity creator_stream_register;

architecture rtl of creator_stream_register is
  signal front_valid : std_logic;
  signal front_data  : std_logic_vector(data_bits - 1 downto 0);
  signal front_last  : std_logic;
  signal spare_valid : std_logic;
  signal spare_data  : std_logic_vector(data_bits - 1 downto 0);
  signal spare_last  : std_logic;
  signal front_free  : std_logic;
begin
  in_ready   <= not spare_valid;
  out_valid  <= front_valid;
  out_data   <= front_data;
  out_last   <= front_last;
  front_free <= out_ready or not front_valid;

  process (clock)
  begin
    if rising_edge(clock) then
      if front_free = '1' then
        front_valid <= in_valid or spare_valid;
        if spare_valid = '1' then
          front_data <= spare_data;
          front_last <= spare_last;
        else
          front_data <= in_data;
          front_last <= in_last;
        end if;
        spare_valid <= '0';
      elsif spare_valid = '0' then
        spare_valid <= in_valid;
        spare_data  <= in_data;
        spare_last  <= in_last;
      end if;

      if reset = '1' then
        front_valid <= '0';
        spare_valid <= '0';
      end if;
    end if;
  end process;
end architecture rtl;
