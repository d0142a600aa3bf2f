-- creator_stream_queue: the end of a long pipeline; four beats can wait in it.
-- in_accept comes from a register: where it is 1 a beat may be pushed in the same cycle. It can stand as the enable of everything
-- before it, however much that is. A beat is offered one cycle after it is pushed; one beat a cycle passes.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity creator_stream_queue is
  generic (
    data_bits : positive
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
  type beats_t is array (3 downto 0) of std_logic_vector(data_bits downto 0);
  signal beats       : beats_t;
  signal write_place : unsigned(1 downto 0);
  signal read_place  : unsigned(1 downto 0);
  signal held        : unsigned(2 downto 0);
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
      if in_push = '1' then
        beats(to_integer(write_place)) <= in_data & in_last;
      end if;
    end if;
  end process store;

  control : process (clock)
  begin
    if rising_edge(clock) then
      if in_push = '1' then
        write_place <= write_place + 1;
      end if;
      if pop = '1' then
        read_place <= read_place + 1;
      end if;

      if in_push = '1' and pop = '0' then
        held   <= held + 1;
        filled <= '1';
      elsif in_push = '0' and pop = '1' then
        held <= held - 1;
        if held = 1 then
          filled <= '0';
        end if;
      end if;

      -- One more beat fits in the next cycle, whatever leaves in this one.
      if held < 3 or (held = 3 and in_push = '0') then
        in_accept <= '1';
      else
        in_accept <= '0';
      end if;

      if reset = '1' then
        write_place <= (others => '0');
        read_place  <= (others => '0');
        held        <= (others => '0');
        filled      <= '0';
        in_accept   <= '0';
      end if;
    end if;
  end process control;
end architecture rtl;
