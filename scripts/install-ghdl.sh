#!/bin/sh
# Installs GHDL with the system's package manager, as root or through sudo; says what to do where it cannot.
set -eu
# Debian's program ghdl is a wrapper that may be there without a backend, so finding it is not enough.
works() {
  ghdl --version >/dev/null 2>&1
}
works && exit 0

fail() {
  echo "GHDL is missing and could not be installed: $1" >&2
  echo "Install GHDL 2.0 or newer by hand (Debian and Ubuntu: apt-get install ghdl) and run make again." >&2
  exit 2
}

if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1; then
  as_root="sudo"
else
  fail "this needs root or sudo"
fi

echo "installing GHDL"
if command -v apt-get >/dev/null 2>&1; then
  $as_root apt-get update -qq || fail "apt-get update failed"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ghdl >/dev/null || fail "apt-get install ghdl failed"
elif command -v dnf >/dev/null 2>&1; then
  $as_root dnf install -y -q ghdl || fail "dnf install ghdl failed"
elif command -v pacman >/dev/null 2>&1; then
  $as_root pacman -S --noconfirm --needed ghdl || fail "pacman -S ghdl failed"
else
  fail "no package manager that this script knows"
fi
works || fail "the package did not bring a ghdl that runs"
