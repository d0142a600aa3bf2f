-- creator_stream_queue: the end of a long pipeline; 2 ** place_bits beats can wait in it.
-- in_accept comes from a register: where it is 1 a beat may be pushed in the same cycle. It can stand as the enable of everything
-- before it, however much and how far away that is. A beat is offered two cycles after it is pushed; one beat a cycle passes.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity creator_stream_queue is
  generic (
    data_bits  : positive;
    place_bits : positive := 3
  );
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_accept : out std_logic;
    in_push   : in  std_logic;
    in_data   : in  std_logic_vector(data_bits - 1 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(data_bits - 1 downto 0);
    out_last  : out std_logic
  );
end entity creator_stream_queue;

architecture rtl of creator_stream_queue is
  type beats_t is array (2 ** place_bits - 1 downto 0) of std_logic_vector(data_bits downto 0);
  signal beats       : beats_t;
  signal arrives     : std_logic;
  signal arrived     : std_logic_vector(data_bits downto 0);
  signal write_place : unsigned(place_bits - 1 downto 0);
  signal read_place  : unsigned(place_bits - 1 downto 0);
  signal held        : unsigned(place_bits downto 0);
  signal filled      : std_logic;  -- whether any beat is held
  signal front       : std_logic_vector(data_bits downto 0);
  signal pop         : std_logic;
begin
  front     <= beats(to_integer(read_place));
  out_valid <= filled;
  out_data  <= front(data_bits downto 1);
  out_last  <= front(0);
  pop       <= filled and out_ready;

  store : process (clock)
  begin
    if rising_edge(clock) then
      arrived <= in_data & in_last;
      if arrives = '1' then
        beats(to_integer(write_place)) <= arrived;
      end if;
    end if;
  end process store;

  control : process (clock)
  begin
    if rising_edge(clock) then
      arrives <= in_push;
      if arrives = '1' then
        write_place <= write_place + 1;
      end if;
      if pop = '1' then
        read_place <= read_place + 1;
      end if;

      if arrives = '1' and pop = '0' then
        held   <= held + 1;
        filled <= '1';
      elsif arrives = '0' and pop = '1' then
        held <= held - 1;
        if held = 1 then
          filled <= '0';
        end if;
      end if;

      -- Up to three beats are on their way that held does not count: pushed before, in this cycle, and in the next one.
      if held <= 2 ** place_bits - 3 then
        in_accept <= '1';
      else
        in_accept <= '0';
      end if;

      if reset = '1' then
        arrives     <= '0';
        write_place <= (others => '0');
        read_place  <= (others => '0');
        held        <= (others => '0');
        filled      <= '0';
        in_accept   <= '0';
      end if;
    end if;
  end process control;
end architecture rtl;
