-- affine_top: the network with AXI4-Stream interfaces.
-- One element a beat in the low bits of tdata, in row-major order. tlast marks a frame's last beat.
-- In: 4 beats of affine<6,0.05,3>, upper bits ignored.
-- Out: 3 beats of affine<8,0.1,-20>, sign extended.
library ieee;
use ieee.std_logic_1164.all;

entity affine_top is
  port (
    aclk          : in  std_logic;
    aresetn       : in  std_logic;
    s_axis_tdata  : in  std_logic_vector(7 downto 0);
    s_axis_tvalid : in  std_logic;
    s_axis_tready : out std_logic;
    s_axis_tlast  : in  std_logic;
    m_axis_tdata  : out std_logic_vector(7 downto 0);
    m_axis_tvalid : out std_logic;
    m_axis_tready : in  std_logic;
    m_axis_tlast  : out std_logic
  );
end entity affine_top;

architecture rtl of affine_top is
  signal reset  : std_logic;
  signal result : std_logic_vector(7 downto 0);
begin
  reset <= not aresetn;

  m_axis_tdata(7 downto 0) <= result;

  network : entity work.affine
    port map (
      clock     => aclk,
      reset     => reset,
      in_valid  => s_axis_tvalid,
      in_ready  => s_axis_tready,
      in_data   => s_axis_tdata(5 downto 0),
      in_last   => s_axis_tlast,
      out_valid => m_axis_tvalid,
      out_ready => m_axis_tready,
      out_data  => result,
      out_last  => m_axis_tlast
    );
end architecture rtl;
