#!/bin/sh
# Removes the gateway from this machine. Run as root: sh uninstall.sh [--keep-state]
# Without --keep-state its identity and keys go too; delete the gateway in the console as well, so that they are not accepted any more.
set -eu
[ "$(id -u)" = 0 ] || { printf 'Run this as root.\n' >&2; exit 1; }
systemctl disable --now sallyport-gateway 2> /dev/null || true
rm -f /etc/systemd/system/sallyport-gateway.service /usr/local/bin/sallyport-gateway
systemctl daemon-reload 2> /dev/null || true
made=$(cat /opt/sallyport-gateway/made-accounts 2> /dev/null || true)
rm -rf /opt/sallyport-gateway
if [ "${1:-}" = --keep-state ]; then
  printf 'The gateway is removed; its identity and keys are still in /var/lib/sallyport-gateway.\n'
else
  rm -rf /var/lib/sallyport-gateway /etc/sallyport-gateway
  for account in $made; do
    userdel -- "$account" 2> /dev/null || true
  done
  printf 'The gateway, its identity and its keys are removed. Delete it in the console too.\n'
fi
