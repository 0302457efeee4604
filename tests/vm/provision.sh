#!/bin/sh
# What `make demo` and the system tests need on a fresh Debian; `make test` adds a browser and node.
# Installs only what is missing; no kernel headers.
set -eu
missing=
for package in make ca-certificates python3-bpfcc python3-venv bpftrace gcc libc6-dev redis-tools; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  # Unquoted: a list.
  apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing
fi
echo "Linux $(uname -r), $(dpkg-query -W -f '${Package} ${Version}' python3-bpfcc)"
