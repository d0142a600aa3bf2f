-- affine: the network's cores in a chain.
-- 4 elements affine<6,0.05,3> in, 3 elements affine<8,0.1,-20> out.
-- All cores run at once: interval 12 cycles a frame, latency 35 cycles from the first input to the last output.
library ieee;
use ieee.std_logic_1164.all;

entity affine is
  port (
    clock     : in  std_logic;
    reset     : in  std_logic;
    in_valid  : in  std_logic;
    in_ready  : out std_logic;
    in_data   : in  std_logic_vector(5 downto 0);
    in_last   : in  std_logic;
    out_valid : out std_logic;
    out_ready : in  std_logic;
    out_data  : out std_logic_vector(7 downto 0);
    out_last  : out std_logic
  );
end entity affine;

architecture rtl of affine is
  signal fc_valid : std_logic;
  signal fc_ready : std_logic;
  signal fc_data  : std_logic_vector(8 downto 0);
  signal fc_last  : std_logic;
  signal fc_rescale_valid : std_logic;
  signal fc_rescale_ready : std_logic;
  signal fc_rescale_data  : std_logic_vector(7 downto 0);
  signal fc_rescale_last  : std_logic;
  signal wide_valid : std_logic;
  signal wide_ready : std_logic;
  signal wide_data  : std_logic_vector(19 downto 0);
  signal wide_last  : std_logic;
  signal wide_cut_valid : std_logic;
  signal wide_cut_ready : std_logic;
  signal wide_cut_data  : std_logic_vector(7 downto 0);
  signal wide_cut_last  : std_logic;
  signal half_valid : std_logic;
  signal half_ready : std_logic;
  signal half_data  : std_logic_vector(7 downto 0);
  signal half_last  : std_logic;
  signal half_cut_valid : std_logic;
  signal half_cut_ready : std_logic;
  signal half_cut_data  : std_logic_vector(19 downto 0);
  signal half_cut_last  : std_logic;
begin
  fc_core : entity work.affine_fc
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => in_valid,
      in_ready  => in_ready,
      in_data   => in_data,
      in_last   => in_last,
      out_valid => fc_valid,
      out_ready => fc_ready,
      out_data  => fc_data,
      out_last  => fc_last
    );

  fc_rescale_core : entity work.affine_fc_rescale
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => fc_valid,
      in_ready  => fc_ready,
      in_data   => fc_data,
      in_last   => fc_last,
      out_valid => fc_rescale_valid,
      out_ready => fc_rescale_ready,
      out_data  => fc_rescale_data,
      out_last  => fc_rescale_last
    );

  wide_cut : entity work.creator_stream_register
    generic map (
      data_bits => 8
    )
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => fc_rescale_valid,
      in_ready  => fc_rescale_ready,
      in_data   => fc_rescale_data,
      in_last   => fc_rescale_last,
      out_valid => wide_cut_valid,
      out_ready => wide_cut_ready,
      out_data  => wide_cut_data,
      out_last  => wide_cut_last
    );

  wide_core : entity work.affine_wide
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => wide_cut_valid,
      in_ready  => wide_cut_ready,
      in_data   => wide_cut_data,
      in_last   => wide_cut_last,
      out_valid => wide_valid,
      out_ready => wide_ready,
      out_data  => wide_data,
      out_last  => wide_last
    );

  half_cut : entity work.creator_stream_register
    generic map (
      data_bits => 20
    )
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => wide_valid,
      in_ready  => wide_ready,
      in_data   => wide_data,
      in_last   => wide_last,
      out_valid => half_cut_valid,
      out_ready => half_cut_ready,
      out_data  => half_cut_data,
      out_last  => half_cut_last
    );

  half_core : entity work.affine_half
    port map (
      clock     => clock,
      reset     => reset,
      in_valid  => half_cut_valid,
      in_ready  => half_cut_ready,
      in_data   => half_cut_data,
      in_last   => half_cut_last,
      out_valid => half_valid,
      out_ready => half_ready,
      out_data  => half_data,
      out_last  => half_last
    );

  out_valid <= half_valid;
  half_ready <= out_ready;
  out_data  <= half_data;
  out_last  <= half_last;
end architecture rtl;
