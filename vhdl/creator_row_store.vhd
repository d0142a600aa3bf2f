-- creator_row_store: two banks of a memory. A row goes into one, and comes out again, once it is whole, while the next one goes
-- into the other. What stands at in_side with a row's last beat comes out with every beat of it.
-- The read side is a pipeline's first stage, or its first two, which move where enable is 1: out_valid tells whether there is a
-- beat in the last of them. The second one stands behind a memory that is large enough for a block RAM, since those are slow.
-- in_ready comes from a register. One beat a cycle passes. Beats are counted; in_first tells whether a row's first is the next.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity creator_row_store is
  generic (
    data_bits  : positive;
    side_bits  : positive;
    beats      : positive;  -- of a row
    place_bits : positive;  -- of the number of a beat in it
    stages     : positive   -- of the read side, 1 or 2
  );
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(data_bits - 1 downto 0);
    in_side   : in  std_logic_vector(side_bits - 1 downto 0);
    in_first  : out std_logic;
    enable    : in  std_logic;
    out_valid : out std_logic;
    out_final : out std_logic;
    out_data  : out std_logic_vector(data_bits - 1 downto 0);
    out_side  : out std_logic_vector(side_bits - 1 downto 0)
  );
end entity creator_row_store;

architecture rtl of creator_row_store is
  function place_before_last(count : positive) return natural is
  begin
    if count < 2 then
      return 0;
    end if;
    return count - 2;
  end function place_before_last;

  function is_single(count : positive) return std_logic is
  begin
    if count = 1 then
      return '1';
    end if;
    return '0';
  end function is_single;

  constant before_last : natural   := place_before_last(beats);
  constant single      : std_logic := is_single(beats);

  -- Storing: the next beat's place, and whether any bank or both hold a whole row. The banks take turns.
  signal write_bank    : std_logic;
  signal write_index   : unsigned(place_bits - 1 downto 0);
  signal write_first   : std_logic;
  signal write_final   : std_logic;
  signal write_address : std_logic_vector(place_bits downto 0);
  signal store         : std_logic;
  signal fills         : std_logic;
  signal any_full      : std_logic;
  signal both_full     : std_logic;
  signal side_0        : std_logic_vector(side_bits - 1 downto 0);
  signal side_1        : std_logic_vector(side_bits - 1 downto 0);

  -- Reading.
  signal read_bank     : std_logic;
  signal read_index    : unsigned(place_bits - 1 downto 0);
  signal read_final    : std_logic;
  signal read_address  : std_logic_vector(place_bits downto 0);
  signal issue         : std_logic;
  signal frees         : std_logic;
  signal word          : std_logic_vector(data_bits - 1 downto 0);
  signal word_side     : std_logic_vector(side_bits - 1 downto 0);
  signal word_valid    : std_logic;
  signal word_final    : std_logic;
begin
  in_ready      <= not both_full;
  in_first      <= write_first;
  store         <= in_valid and not both_full;
  fills         <= store and write_final;
  write_address <= write_bank & std_logic_vector(write_index);

  issue         <= any_full and enable;
  frees         <= issue and read_final;
  read_address  <= read_bank & std_logic_vector(read_index);

  control : process (clock)
  begin
    if rising_edge(clock) then
      if store = '1' then
        write_index <= write_index + 1;
        write_first <= write_final;
        write_final <= single;
        if write_index = before_last then
          write_final <= '1';
        end if;
      end if;
      if fills = '1' then
        write_index <= (others => '0');
        write_final <= single;
        write_bank  <= not write_bank;
        if write_bank = '0' then
          side_0 <= in_side;
        else
          side_1 <= in_side;
        end if;
      end if;

      if issue = '1' then
        read_index <= read_index + 1;
        read_final <= single;
        if read_index = before_last then
          read_final <= '1';
        end if;
      end if;
      if frees = '1' then
        read_index <= (others => '0');
        read_final <= single;
        read_bank  <= not read_bank;
      end if;

      any_full  <= fills or both_full or (any_full and not frees);
      both_full <= (both_full or (fills and any_full)) and not frees;

      if enable = '1' then
        word_valid <= any_full;
        word_final <= read_final;
        if read_bank = '0' then
          word_side <= side_0;
        else
          word_side <= side_1;
        end if;
      end if;

      if reset = '1' then
        write_bank  <= '0';
        write_index <= (others => '0');
        write_first <= '1';
        write_final <= single;
        any_full    <= '0';
        both_full   <= '0';
        read_bank   <= '0';
        read_index  <= (others => '0');
        read_final  <= single;
        word_valid  <= '0';
      end if;
    end if;
  end process control;

  memory : entity work.creator_ram
    generic map (
      data_bits    => data_bits,
      address_bits => place_bits + 1
    )
    port map (
      clock         => clock,
      write_enable  => store,
      write_address => write_address,
      write_data    => in_data,
      read_enable   => enable,
      read_address  => read_address,
      read_data     => word
    );

  near : if stages = 1 generate
    out_valid <= word_valid;
    out_final <= word_final;
    out_data  <= word;
    out_side  <= word_side;
  end generate near;

  far : if stages > 1 generate
    process (clock)
    begin
      if rising_edge(clock) then
        if enable = '1' then
          out_valid <= word_valid;
          out_final <= word_final;
          out_data  <= word;
          out_side  <= word_side;
        end if;

        if reset = '1' then
          out_valid <= '0';
        end if;
      end if;
    end process;
  end generate far;
end architecture rtl;
