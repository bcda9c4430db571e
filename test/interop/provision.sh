#!/usr/bin/env bash
# Brings the programs that the checks run against into a folder (default: one under TMPDIR) and prints its name: Postfix's
# smtp-sink and smtp-source, and swaks. They are unpacked from Debian's packages; nothing is installed, but where swaks
# finds no Perl or Postfix's tools find no library of theirs even among the unpacked ones.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
folder=${1:-${TMPDIR:-/tmp}/ehlo-interop-peers}
mkdir -p "$folder"
cd "$folder"
updated=''

apt_get() {
  apt-get -qq "$@" >>"$folder/apt.log" 2>&1 && return
  if [[ -z $updated ]]; then
    apt-get -qq update >>"$folder/apt.log" 2>&1 || true
    updated=yes
  fi
  apt-get -qq "$@" >>"$folder/apt.log" 2>&1
}

unpack() {
  mkdir -p packages
  (cd packages && apt_get download "$@" && for package in *.deb; do dpkg -x "$package" .. && rm "$package"; done)
}

# Debian's libraries lie in a folder named after the machine; the tools' own ones in usr/lib/postfix.
libraries="$folder/usr/lib/postfix:$folder/usr/lib/$(uname -m)-linux-gnu:$folder/lib/$(uname -m)-linux-gnu"
missing() { LD_LIBRARY_PATH=$libraries ldd usr/sbin/smtp-sink usr/sbin/smtp-source | awk '/not found/ { print $1 }' | sort -u; }

if [[ ! -x sink || ! -x source || ! -x swaks ]]; then
  unpack postfix swaks
  if [[ -n $(missing) ]]; then
    mapfile -t wanted < <(apt-cache depends postfix | awk '$1 == "Depends:" && $2 ~ /^lib/ && $2 != "libc6" { print $2 }')
    unpack "${wanted[@]}"
    [[ -z $(missing) ]] || apt_get install -y --no-install-recommends "${wanted[@]}"
  fi
  command -v perl >/dev/null || apt_get install -y --no-install-recommends perl
  for tool in sink source; do
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/usr/sbin/smtp-%s "$@"\n' "$libraries" "$folder" "$tool" >"$tool"
  done
  printf '#!/bin/sh\nexec perl %s/usr/bin/swaks "$@"\n' "$folder" >swaks
  chmod +x sink source swaks
fi
echo "$folder"
