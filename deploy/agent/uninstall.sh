#!/bin/sh
# Removes the Sallyport agent. The identity and the logs stay unless --purge is given.
#   sh uninstall.sh [--purge]
set -eu

fail() {
  printf 'uninstall.sh: %s\n' "$1" >&2
  exit 1
}

purge=no
case ${1-} in
  '') ;;
  --purge) purge=yes ;;
  *) fail "unknown option; known is --purge" ;;
esac
[ $# -le 1 ] || fail "too many options"
[ "$(id -u)" = 0 ] || fail "run it as root"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
[ -f "$here/installed" ] || fail "this is not an installed agent; run the uninstall.sh of its directory (usually /opt/sallyport-agent)"
prefix=$(sed -n 1p "$here/installed")
state=$(sed -n 2p "$here/installed")
[ "$prefix" = "$here" ] || fail "the agent was installed in $prefix; run the uninstall.sh there"

if [ -d /run/systemd/system ] && [ -f /etc/systemd/system/sallyport-agent.service ]; then
  systemctl disable --now sallyport-agent.service || true
  rm -f /etc/systemd/system/sallyport-agent.service
  systemctl daemon-reload
fi
if [ -L /usr/local/bin/sallyport-agent ] && [ "$(readlink -- /usr/local/bin/sallyport-agent)" = "$prefix/sallyport-agent" ]; then
  rm -f /usr/local/bin/sallyport-agent
fi
cd /
rm -rf -- "$prefix"
if [ "$purge" = yes ]; then
  rm -rf -- "$state"
  printf 'Removed, with its identity and logs. Delete the agent in the console too.\n'
else
  printf 'Removed. Identity and logs are still in %s; --purge removes them as well.\n' "$state"
fi
