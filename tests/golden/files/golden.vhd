-- golden: the network's cores in a chain.
-- 6 elements fixed<4,2> in, 3 elements ufixed<4,1> out.
-- All cores run at once: interval 18 cycles a frame, latency 34 cycles from the first input to the last output.
library ieee;
use ieee.std_logic_1164.all;

entity golden is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(3 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(3 downto 0);
    out_last  : out std_logic
  );
end entity golden;

architecture rtl of golden is
  signal encoder_0_valid : std_logic;
  signal encoder_0_ready : std_logic;
  signal encoder_0_data  : std_logic_vector(5 downto 0);
  signal encoder_0_last  : std_logic;
  signal square_valid : std_logic;
  signal square_ready : std_logic;
  signal square_data  : std_logic_vector(4 downto 0);
  signal square_last  : std_logic;
  signal odd_name_valid : std_logic;
  signal odd_name_ready : std_logic;
  signal odd_name_data  : std_logic_vector(3 downto 0);
  signal odd_name_last  : std_logic;
  signal odd_name_cut_valid : std_logic;
  signal odd_name_cut_ready : std_logic;
  signal odd_name_cut_data  : std_logic_vector(4 downto 0);
  signal odd_name_cut_last  : std_logic;
begin
  encoder_0_core : entity work.golden_encoder_0
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => in_valid,
      in_ready  => in_ready,
      in_data   => in_data,
      in_last   => in_last,
      out_valid => encoder_0_valid,
      out_ready => encoder_0_ready,
      out_data  => encoder_0_data,
      out_last  => encoder_0_last
    );

  square_core : entity work.golden_square
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => encoder_0_valid,
      in_ready  => encoder_0_ready,
      in_data   => encoder_0_data,
      in_last   => encoder_0_last,
      out_valid => square_valid,
      out_ready => square_ready,
      out_data  => square_data,
      out_last  => square_last
    );

  odd_name_cut : entity work.creator_stream_register
    generic map (
      data_bits => 5
    )
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => square_valid,
      in_ready  => square_ready,
      in_data   => square_data,
      in_last   => square_last,
      out_valid => odd_name_cut_valid,
      out_ready => odd_name_cut_ready,
      out_data  => odd_name_cut_data,
      out_last  => odd_name_cut_last
    );

  odd_name_core : entity work.golden_odd_name
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => odd_name_cut_valid,
      in_ready  => odd_name_cut_ready,
      in_data   => odd_name_cut_data,
      in_last   => odd_name_cut_last,
      out_valid => odd_name_valid,
      out_ready => odd_name_ready,
      out_data  => odd_name_data,
      out_last  => odd_name_last
    );

  out_valid <= odd_name_valid;
  odd_name_ready <= out_ready;
  out_data  <= odd_name_data;
  out_last  <= odd_name_last;
end architecture rtl;
