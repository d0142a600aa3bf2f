-- golden_encoder_0: fully connected layer encoder.0 + encoder.1.
-- 6 inputs fixed<4,2>, 3 outputs fixed<6,2>.
-- One multiplier.
-- Interval 18 cycles a frame, latency 24 cycles from the last input to the last output.
-- Inputs are stored in two banks, so that a frame arrives while the one before it is computed. Frames are counted;
-- in_last is not needed. When the output stalls, so does the whole pipeline; storing inputs goes on.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity golden_encoder_0 is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(3 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(5 downto 0);
    out_last  : out std_logic
  );
end entity golden_encoder_0;

architecture rtl of golden_encoder_0 is
  -- Storing: the next element's place, and whether any bank or both hold a whole frame. The banks take turns.
  signal write_bank  : std_logic;
  signal write_index : unsigned(2 downto 0);
  signal store       : std_logic;
  signal any_full    : std_logic;
  signal both_full   : std_logic;
  signal write_ends  : std_logic;
  signal fills       : std_logic;
  signal write_place : std_logic_vector(3 downto 0);

  -- Issuing: the next product, element read_index of the frame times weight read_weight.
  signal read_bank   : std_logic;
  signal read_index  : unsigned(2 downto 0);
  signal read_weight : unsigned(4 downto 0);
  signal read_place  : std_logic_vector(3 downto 0);
  signal issue       : std_logic;
  signal row_starts  : std_logic;
  signal row_ends    : std_logic;
  signal row_wraps   : std_logic;
  signal frame_ends  : std_logic;
  signal frees       : std_logic;

  -- Pipeline: how far the row's first and last product and the frame's last one have come. The number is that of the stage whose
  -- register they accompany:
  -- 1 memory, 2 its output, 3 operands, 4 products, 5 sum, 6
  -- result.
  signal enable     : std_logic;
  signal first      : std_logic_vector(1 to 4);
  signal done       : std_logic_vector(1 to 6);
  signal frame_done : std_logic_vector(1 to 6);
  signal bias_row   : unsigned(1 downto 0);
  signal bias_word  : std_logic_vector(3 downto 0);
  signal bias       : std_logic_vector(3 downto 0);

  signal activation : std_logic_vector(3 downto 0);
  signal weight     : std_logic_vector(2 downto 0);
  signal sum        : std_logic_vector(7 downto 0);
begin
  in_ready    <= not both_full;
  store       <= in_valid and not both_full;
  fills       <= store and write_ends;
  write_place <= write_bank & std_logic_vector(write_index);

  enable     <= out_ready or not done(6);
  issue      <= any_full and enable;
  -- Within a frame a bank is always full.
  row_wraps  <= enable and row_ends;
  frees      <= enable and frame_ends;
  read_place <= read_bank & std_logic_vector(read_index);

  out_valid <= done(6);
  out_last  <= frame_done(6);

  control : process (clock)
  begin
    if rising_edge(clock) then
      if store = '1' then
        write_index <= write_index + 1;
        write_ends  <= '0';
        if write_index = 4 then
          write_ends <= '1';
        end if;
      end if;
      if fills = '1' then
        write_index <= (others => '0');
        write_bank <= not write_bank;
      end if;

      if issue = '1' then
        read_index <= read_index + 1;
        row_starts <= row_ends;
        row_ends   <= '0';
        if read_index = 4 then
          row_ends <= '1';
        end if;
        read_weight <= read_weight + 1;
        frame_ends  <= '0';
        if read_weight = 16 then
          frame_ends <= '1';
        end if;
      end if;
      if row_wraps = '1' then
        read_index <= (others => '0');
      end if;
      if frees = '1' then
        read_weight <= (others => '0');
        read_bank   <= not read_bank;
      end if;

      any_full  <= fills or both_full or (any_full and not frees);
      both_full <= (both_full or (fills and any_full)) and not frees;

      if enable = '1' then
        first      <= (any_full and row_starts) & first(1 to 3);
        done       <= row_ends & done(1 to 5);
        frame_done <= frame_ends & frame_done(1 to 5);
        if first(2) = '1' then
          bias_row <= bias_row + 1;
          if bias_row = 2 then
            bias_row <= (others => '0');
          end if;
        end if;
        bias       <= bias_word;
      end if;

      if reset = '1' then
        write_bank  <= '0';
        write_index <= (others => '0');
        write_ends  <= '0';
        any_full    <= '0';
        both_full   <= '0';
        read_bank   <= '0';
        read_weight <= (others => '0');
        frame_ends  <= '0';
        read_index  <= (others => '0');
        row_starts  <= '1';
        row_ends    <= '0';
        first       <= (others => '0');
        bias_row    <= (others => '0');
        done        <= (others => '0');
      end if;
    end if;
  end process control;

  inputs : entity work.creator_ram
    generic map (
      data_bits    => 4,
      address_bits => 4
    )
    port map (
      clock         => clock,
      write_enable  => store,
      write_address => write_place,
      write_data    => in_data,
      read_enable   => enable,
      read_address  => read_place,
      read_data     => activation
    );

  weights : entity work.golden_encoder_0_weights
    port map (
      clock   => clock,
      enable  => enable,
      address => std_logic_vector(read_weight),
      data    => weight
    );

  biases : entity work.golden_encoder_0_biases
    port map (
      clock   => clock,
      enable  => enable,
      address => std_logic_vector(bias_row),
      data    => bias_word
    );

  mac : entity work.golden_encoder_0_mac
    port map (
      clock      => clock,
      enable     => enable,
      activation => activation,
      weight     => weight,
      first      => first(4),
      bias       => bias,
      sum        => sum
    );

  requantizer : entity work.golden_encoder_0_requantizer
    port map (
      clock  => clock,
      enable => enable,
      value  => sum,
      result => out_data
    );
end architecture rtl;
