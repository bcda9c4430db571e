#!/usr/bin/env bash
# Brings the programs that the checks run against into a folder (default: one under TMPDIR) and prints its name: Postfix's
# smtp-sink and smtp-source and the rest of it, Exim, aiosmtpd, smtp-server, swaks with TLS, msmtp, HAProxy, Dovecot, and curl and
# openssl where there is none. They are unpacked from
# Debian's packages; nothing is installed, but where swaks finds no Perl or a program no library of its own even among the
# unpacked ones.
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
missing() { LD_LIBRARY_PATH=$libraries ldd "$@" | awk '/not found/ { print $1 }' | sort -u; }

# bring PACKAGE FILE...: the package, and the libraries that its programs miss.
bring() {
  local package=$1 wanted
  shift
  unpack "$package"
  [[ -n $(missing "$@") ]] || return 0
  mapfile -t wanted < <(apt-cache depends "$package" | awk '$1 == "Depends:" && $2 ~ /^lib/ && $2 != "libc6" { print $2 }')
  unpack "${wanted[@]}"
  [[ -z $(missing "$@") ]] || apt_get install -y --no-install-recommends "${wanted[@]}"
}

# wrap NAME PROGRAM: a command of that name that runs the unpacked program.
wrap() {
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/%s "$@"\n' "$libraries" "$folder" "$2" >"$1"
  chmod +x "$1"
}

# npm_module NAME VERSION: into a folder of its own.
npm_module() {
  [[ ! -d $1/node_modules/$1 ]] || return 0
  mkdir -p "$1"
  (cd "$1" && npm init -y && npm install --no-audit --no-fund "$1@$2") >>"$folder/apt.log" 2>&1
}

if [[ ! -x sink || ! -x source ]]; then
  bring postfix usr/sbin/smtp-sink usr/sbin/smtp-source
  wrap sink usr/sbin/smtp-sink
  wrap source usr/sbin/smtp-source
fi
# All that the benchmarks measure beside: provision.sh FOLDER bench.
if [[ ${2:-} == bench ]]; then
  npm_module smtp-server 3.21.6
  npm_module nodemailer 10.6.0
  echo "$folder"
  exit
fi
command -v strace >/dev/null || apt_get install -y --no-install-recommends strace
if [[ ! -x swaks || ! -e usr/share/doc/libnet-ssleay-perl ]]; then
  command -v perl >/dev/null || apt_get install -y --no-install-recommends perl
  unpack swaks libnet-ssleay-perl
  printf '#!/bin/sh\nPERL5LIB=$(echo %s/usr/lib/*/perl5/5.*) exec perl %s/usr/bin/swaks "$@"\n' "$folder" "$folder" >swaks
  chmod +x swaks
fi
# What Postfix authenticates with, and is authenticated by.
[[ -x usr/sbin/saslpasswd2 ]] || unpack libsasl2-2 libsasl2-modules libsasl2-modules-db sasl2-bin
if [[ ! -x msmtp ]]; then
  bring msmtp usr/bin/msmtp
  wrap msmtp usr/bin/msmtp
fi
if [[ ! -x haproxy ]]; then
  bring haproxy usr/sbin/haproxy
  wrap haproxy usr/sbin/haproxy
fi
# Real servers for real-servers.mjs: Postfix is here already; Exim, aiosmtpd, and smtp-server from npm.
if [[ ! -x usr/sbin/exim4 ]]; then
  bring exim4-daemon-light usr/sbin/exim4
  ln -sf exim4 usr/sbin/exim
fi
# Exim wants the user that it was built for to exist.
getent passwd Debian-exim >/dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin Debian-exim 2>>"$folder/apt.log" || true
if [[ ! -x aiosmtpd ]]; then
  command -v python3 >/dev/null || apt_get install -y --no-install-recommends python3
  unpack python3-aiosmtpd python3-attr python3-public python3-typing-extensions
  printf '#!/bin/sh\nPYTHONPATH=%s/usr/lib/python3/dist-packages exec python3 "$@"\n' "$folder" >aiosmtpd
  chmod +x aiosmtpd
fi
npm_module smtp-server 3.21.6
command -v curl >/dev/null && command -v openssl >/dev/null || apt_get install -y --no-install-recommends curl openssl
if [[ ! -x usr/libexec/sendmail/sendmail || ! -x usr/bin/m4 ]]; then
  bring sendmail-bin usr/libexec/sendmail/sendmail
  chmod g-s usr/libexec/sendmail/sendmail # or it would not look for libraries here
  unpack sendmail-cf m4
  [[ -z $(missing usr/bin/m4) ]] || unpack libsigsegv2
fi
# What matrix.mjs lays over the machine's /usr: clients, and the libraries that they want, whether the machine has them or not.
clients='msmtp-mta ssmtp dma mutt s-nail nullmailer git-email libmailtools-perl python3-aiosmtplib python3-pkg-resources
  libnet-ssleay-perl libio-socket-ssl-perl libauthen-sasl-perl libio-socket-inet6-perl libsocket6-perl libdigest-hmac-perl liberror-perl
  libassuan0 libgmp10 libgnutls-openssl27 libgnutls30 libgpg-error0 libgpgme11 libgsasl18 libgssapi-krb5-2 libhogweed6
  libicu72 libidn2-0 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libncursesw6 libnettle8 libntlm0 libp11-kit0 libtasn1-6
  libtokyocabinet9 libunistring2'
if [[ $(cat clients/list 2>/dev/null) != "$clients" ]]; then
  rm -rf clients && mkdir -p clients/packages
  # shellcheck disable=SC2086 # words
  (cd clients/packages && apt_get download $clients && for package in *.deb; do dpkg -x "$package" ..; done)
  [[ ! -d clients/lib ]] || cp -a clients/lib/. clients/usr/lib/ # what the machine's /lib is
  chmod -R u-s,g-s clients/usr
  rm -rf clients/packages
  printf '%s' "$clients" >clients/list
fi
perl -MNet::SMTP -e 1 2>>"$folder/apt.log" || apt_get install -y --no-install-recommends perl
npm_module nodemailer 10.6.0
npm_module emailjs 5.0.3
# Dovecot, to be laid over the machine's /usr too.
if [[ ! -x dovecot/usr/sbin/dovecot ]]; then
  mkdir -p dovecot/packages
  (cd dovecot/packages && apt_get download dovecot-core dovecot-lmtpd dovecot-submissiond libcap2 libexttextcat-2.0-0 libsodium23 && for package in *.deb; do dpkg -x "$package" ..; done)
  [[ ! -d dovecot/lib ]] || cp -a dovecot/lib/. dovecot/usr/lib/ # what the machine's /lib is
  rm -rf dovecot/packages
fi
# OpenSMTPD, whose TLS server does not hold before Debian 13: that one, with all that it wants, as a root for it to live in.
if [[ ! -x opensmtpd/usr/sbin/smtpd ]]; then
  mkdir -p opensmtpd/apt/lists/partial opensmtpd/apt/archives/partial
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>>"$folder/apt.log" | grep -m 1 -E '/debian/?$' || true)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" >opensmtpd/apt/list
  trixie=(-o "Dir::Etc::SourceList=$folder/opensmtpd/apt/list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$folder/opensmtpd/apt/lists" -o "Dir::Cache=$folder/opensmtpd/apt" -o Dir::State::status=/dev/null -o Acquire::Languages=none)
  apt-get -qq "${trixie[@]}" update >>"$folder/apt.log" 2>&1
  (cd opensmtpd/apt && apt-get -qq "${trixie[@]}" download dash libaudit1 libc6 libcap-ng0 libcrypt1 libdb5.3t64 libevent-2.1-7t64 libpam0g libssl3t64 libzstd1 opensmtpd zlib1g >>"$folder/apt.log" 2>&1 && for package in *.deb; do dpkg -x "$package" ..; done)
  rm -rf opensmtpd/apt
fi
# More for record.mjs, which no check needs: provision.sh FOLDER record.
if [[ ${2:-} == record ]]; then
  [[ -x usr/sbin/smtpd ]] || bring opensmtpd usr/sbin/smtpd
  if [[ ! -x s-nail ]]; then
    bring s-nail usr/bin/s-nail
    wrap s-nail usr/bin/s-nail
  fi
  [[ -x usr/lib/nullmailer/smtp ]] || bring nullmailer usr/lib/nullmailer/smtp
  [[ -d usr/share/perl5/Net/SMTP/Server && -e usr/share/perl5/Mail/Address.pm ]] || unpack git-email libmailtools-perl libnet-smtp-server-perl
fi
echo "$folder"
