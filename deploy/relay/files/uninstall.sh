#!/bin/sh
# Removes the relay from this machine. Run as root: sh uninstall.sh [--keep-key]
# Without --keep-key its key goes too; remove the relay, or this node's fingerprint, in the console as well.
set -eu
[ "$(id -u)" = 0 ] || { printf 'Run this as root.\n' >&2; exit 1; }
systemctl disable --now sallyport-relay 2> /dev/null || true
rm -f /etc/systemd/system/sallyport-relay.service /usr/local/bin/sallyport-relay
systemctl daemon-reload 2> /dev/null || true
made=$(cat /opt/sallyport-relay/made-account 2> /dev/null || true)
rm -rf /opt/sallyport-relay
if [ "${1:-}" = --keep-key ]; then
  printf 'The relay is removed; its key is still in /var/lib/sallyport-relay.\n'
else
  rm -rf /var/lib/sallyport-relay /etc/sallyport-relay
  [ -z "$made" ] || userdel -- "$made" 2> /dev/null || true
  printf 'The relay and its key are removed.\n'
fi
