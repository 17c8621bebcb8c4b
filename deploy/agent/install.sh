#!/bin/sh
# Installs the Sallyport agent from this unpacked bundle. Needs root, no network, and nothing that a minimal Linux lacks.
#   sh install.sh [--prefix DIR] [--state DIR] [--relay HOST:PORT] [--no-service]
set -eu

prefix=/opt/sallyport-agent
state=/var/lib/sallyport-agent
with_service=yes
relay=

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ $# -ge 2 ] || fail "--prefix needs a directory"; prefix=$2; shift 2 ;;
    --state) [ $# -ge 2 ] || fail "--state needs a directory"; state=$2; shift 2 ;;
    --relay) [ $# -ge 2 ] || fail "--relay needs HOST:PORT"; relay=$2; shift 2 ;;
    --no-service) with_service=no; shift ;;
    *) fail "unknown option; known are --prefix DIR, --state DIR, --relay HOST:PORT and --no-service" ;;
  esac
done

# The two go into the service's unit file; anything but plain path characters could mean something there.
for directory in "$prefix" "$state"; do
  case $directory in
    /*) ;;
    *) fail "directories are given from the root on, such as /opt/sallyport-agent" ;;
  esac
  case $directory in
    *[!A-Za-z0-9._/-]* | */../* | */..) fail "directories may hold letters, digits, dots, hyphens and underscores only" ;;
  esac
done

[ "$(id -u)" = 0 ] || fail "run it as root (sudo sh install.sh); to run the agent without installing, see README.txt"
[ "$(uname -s)" = Linux ] || fail "this bundle is for Linux"
case $(uname -m) in
  x86_64 | amd64) ;;
  *) fail "this bundle is for x86-64 processors, this one is $(uname -m)" ;;
esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd -- "$here"

# Whole first, then genuine: a file that was damaged on the way is told apart from one that somebody changed.
sha256sum -c --quiet SHA256SUMS || fail "a file of this bundle is damaged; copy or download it again"
"$here/runtime" "$here/agent.mjs" verify "$here" || fail "the bundle's signature does not fit; do not install it"

fresh="$prefix.new.$$"
trap 'rm -rf -- "$fresh"' EXIT
rm -rf -- "$fresh"
mkdir -p -- "$fresh"
chmod 0755 -- "$fresh"
for file in runtime sallyport-agent uninstall.sh; do
  cp -- "$here/$file" "$fresh/$file"
  chmod 0755 -- "$fresh/$file"
done
for file in agent.mjs README.txt; do
  cp -- "$here/$file" "$fresh/$file"
  chmod 0644 -- "$fresh/$file"
done
printf '%s\n%s\n' "$prefix" "$state" > "$fresh/installed"
chmod 0644 -- "$fresh/installed"

umask 077
mkdir -p -- "$state"
chmod 0700 -- "$state"

# Exit code 3 says: stored, not enrolled yet; the service does it when it reaches the management server.
code=0
"$fresh/sallyport-agent" enrol --bundle "$here" --no-wait --state "$state" ${relay:+--relay "$relay"} || code=$?
[ "$code" = 0 ] || [ "$code" = 3 ] || fail "the bundle could not be taken; the line above says why"

if [ -d "$prefix" ]; then
  mv -- "$prefix" "$prefix.old.$$"
fi
mv -- "$fresh" "$prefix"
# A program that the agent fetched itself would win over the one just installed.
rm -rf -- "$state/program"
rm -rf -- "$prefix.old.$$"
trap - EXIT

if [ "$with_service" = no ]; then
  printf 'Installed in %s. Start it with: %s/sallyport-agent run --state %s\n' "$prefix" "$prefix" "$state"
  exit 0
fi

mkdir -p /usr/local/bin
ln -sfn -- "$prefix/sallyport-agent" /usr/local/bin/sallyport-agent

if [ -d /run/systemd/system ]; then
  sed -e "s|@PREFIX@|$prefix|g" -e "s|@STATE@|$state|g" "$here/sallyport-agent.service" > /etc/systemd/system/sallyport-agent.service
  chmod 0644 /etc/systemd/system/sallyport-agent.service
  systemctl daemon-reload
  systemctl enable sallyport-agent.service
  systemctl restart sallyport-agent.service
  printf 'Installed and started. See: sallyport-agent status\n'
else
  printf 'Installed. There is no systemd here; start it with: sallyport-agent run --state %s\n' "$state"
fi
printf 'This folder holds a token: delete it and the file it was unpacked from.\n'
