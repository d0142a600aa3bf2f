-- golden: the same network with a checker at every stream, for simulation. Compiled last, this architecture takes the
-- other's place.
library ieee;
use ieee.std_logic_1164.all;

architecture watched of golden is
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

  in_check : entity work.creator_stream_checker
    generic map (
      name      => "in",
      data_bits => 4,
      beats     => 6
    )
    port map (
      clock => clock,
      reset => reset,
      valid => in_valid,
      ready => in_ready,
      data  => in_data,
      last  => in_last
    );

  encoder_0_check : entity work.creator_stream_checker
    generic map (
      name      => "encoder_0",
      data_bits => 6,
      beats     => 3
    )
    port map (
      clock => clock,
      reset => reset,
      valid => encoder_0_valid,
      ready => encoder_0_ready,
      data  => encoder_0_data,
      last  => encoder_0_last
    );

  square_check : entity work.creator_stream_checker
    generic map (
      name      => "square",
      data_bits => 5,
      beats     => 3
    )
    port map (
      clock => clock,
      reset => reset,
      valid => square_valid,
      ready => square_ready,
      data  => square_data,
      last  => square_last
    );

  odd_name_cut_check : entity work.creator_stream_checker
    generic map (
      name      => "odd_name_cut",
      data_bits => 5,
      beats     => 3
    )
    port map (
      clock => clock,
      reset => reset,
      valid => odd_name_cut_valid,
      ready => odd_name_cut_ready,
      data  => odd_name_cut_data,
      last  => odd_name_cut_last
    );

  odd_name_check : entity work.creator_stream_checker
    generic map (
      name      => "odd_name",
      data_bits => 4,
      beats     => 3
    )
    port map (
      clock => clock,
      reset => reset,
      valid => odd_name_valid,
      ready => odd_name_ready,
      data  => odd_name_data,
      last  => odd_name_last
    );
end architecture watched;
