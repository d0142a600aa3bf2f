-- affine_fc_mac: multiplies and accumulates, one product a cycle.
-- Activations affine<6,0.05,3>, weights of 3 bits, sums fixed<9,0>.
-- Registers: stages 2 to 5 of the layer's pipeline.
-- Where first is 1, aligned with the product, the sum starts anew from bias.
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity affine_fc_mac is
  port (
    clock      : in  std_logic;
    enable     : in  std_logic;
    activation : in  std_logic_vector(5 downto 0);
    weight     : in  std_logic_vector(2 downto 0);
    first      : in  std_logic;
    bias       : in  std_logic_vector(3 downto 0);
    sum        : out std_logic_vector(8 downto 0)
  );
end entity affine_fc_mac;

architecture rtl of affine_fc_mac is
  signal activation_read    : std_logic_vector(5 downto 0);
  signal weight_read        : std_logic_vector(2 downto 0);
  signal activation_operand : signed(5 downto 0);
  signal weight_operand     : signed(2 downto 0);
  signal product            : signed(8 downto 0);
  signal addend             : signed(8 downto 0);
  signal start              : signed(8 downto 0);
  signal total              : signed(8 downto 0);
begin
  -- Every sum fits 9 bits, so where the addend drops upper bits of the product, they are copies of its sign.
  addend <= product(8 downto 0);
  start <= resize(signed(bias), 9) when first = '1' else total;
  sum <= std_logic_vector(total);

  process (clock)
  begin
    if rising_edge(clock) then
      if enable = '1' then
        activation_read <= activation;
        weight_read     <= weight;
        activation_operand <= signed(activation_read);
        weight_operand <= signed(weight_read);
        product        <= activation_operand * weight_operand;
        total          <= start + addend;
      end if;
    end if;
  end process;
end architecture rtl;
