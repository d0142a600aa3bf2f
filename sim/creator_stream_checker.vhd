-- creator_stream_checker: stops the simulation when a stream breaks its protocol. Not for synthesis.
-- From the first reset on valid and ready are 0 or 1; a beat that is offered has no undefined bit, and stays as it is until it is
-- taken or a reset comes; last stands at the end of each frame and nowhere else.
library ieee;
use ieee.std_logic_1164.all;

entity creator_stream_checker is
  generic (
    name      : string;
    data_bits : positive;
    beats     : positive  -- in a frame
  );
  port (
    clock : in std_logic;
    reset : in std_logic;
    valid : in std_logic;
    ready : in std_logic;
    data  : in std_logic_vector(data_bits - 1 downto 0);
    last  : in std_logic
  );
end entity creator_stream_checker;

architecture check of creator_stream_checker is
begin
  watch : process (clock)
    variable begun   : boolean := false;
    variable waiting : boolean := false;  -- a beat was offered and not taken
    variable before  : std_logic_vector(data_bits downto 0);
    variable place   : natural := 0;

    procedure must(condition : in boolean; what : in string) is
    begin
      assert condition report "stream " & name & ": " & what severity failure;
    end procedure must;
  begin
    if rising_edge(clock) then
      if reset = '1' then
        begun   := true;
        waiting := false;
        place   := 0;
      elsif begun then
        must(valid = '0' or valid = '1', "valid is undefined");
        must(ready = '0' or ready = '1', "ready is undefined");
        must(valid = '1' or not waiting, "a beat was withdrawn before it was taken");
        if valid = '1' then
          must(not is_x(data & last), "a beat has undefined bits");
          must(not waiting or before = data & last, "a beat changed before it was taken");
          must((last = '1') = (place = beats - 1), "last is out of place");
          before  := data & last;
          waiting := ready = '0';
          if ready = '1' then
            place := (place + 1) mod beats;
          end if;
        end if;
      end if;
    end if;
  end process watch;
end architecture check;
