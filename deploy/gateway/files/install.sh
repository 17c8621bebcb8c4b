#!/bin/sh
# Installs the gateway of this package as a systemd service, lets it enrol, and shows its fingerprint. Run as root: sh install.sh [--check]
# With --check it only says whether everything it needs is there. It changes nothing before that is so.
set -eu
export LC_ALL=C
here=$(dirname "$(readlink -f "$0")")
target=/opt/sallyport-gateway
state=/var/lib/sallyport-gateway
settings=/etc/sallyport-gateway

fail() { printf 'The gateway was not installed: %s\n' "$1" >&2; exit 1; }

missing=
lacks() { missing="$missing
  - $1"; }

[ "$(id -u)" = 0 ] || fail "run this as root (sudo sh install.sh)."
[ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ] || fail "this package is for Linux on x86_64, this machine is $(uname -s) on $(uname -m)."
for tool in systemctl sha256sum readlink useradd install sed awk df; do
  command -v "$tool" > /dev/null 2>&1 || lacks "the program $tool is not here."
done
[ -d /run/systemd/system ] || lacks "systemd does not run here; the gateway can be started by hand instead: $here/sallyport-gateway run"
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || lacks "a file of the package is damaged; download it again."
"$here/runtime/node" --version > /dev/null 2>&1 || lacks "the packaged runtime does not start here; it needs glibc 2.28 or newer."
free=$(df -Pk "$(dirname "$target")" | awk 'NR == 2 { print $4 }')
[ "${free:-0}" -gt 400000 ] || lacks "$(dirname "$target") has less than 400 MB free."

# The account is named in the console; the unit carries it. Checked here as well: it goes into commands of root.
account=$(sed -n 's/^User=//p' "$here/sallyport-gateway.service")
case "$account" in
  '' | root | [!a-z_]* | *[!a-z0-9_-]*) lacks "the service account '$account' is no name for a system user." ;;
  *) [ "$(id -u "$account" 2> /dev/null || echo none)" != 0 ] || lacks "the service account $account is root under another name." ;;
esac

# A gateway that is installed here already holds the ports itself.
if ! systemctl is-active --quiet sallyport-gateway 2> /dev/null; then
  for port in $(cat "$here/ports"); do
    wanted=$(printf ':%04X' "$port")
    if cat /proc/net/tcp /proc/net/tcp6 2> /dev/null | awk -v wanted="$wanted" '$4 == "0A" && substr($2, length($2) - 4) == wanted { taken = 1 } END { exit !taken }'; then
      lacks "TCP port $port is taken by another program; free it, or give the gateway's listener another port in the console."
    fi
  done
fi

[ -z "$missing" ] || fail "nothing was changed, because of this:$missing"
if [ "${1:-}" = --check ]; then
  printf 'Everything the gateway needs is here; it would run as the user %s.\n' "$account"
  exit 0
fi

install -d -m 0755 "$target" "$target/lib" "$target/runtime" "$settings"
if ! id "$account" > /dev/null 2>&1; then
  useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin -- "$account"
  # The uninstaller removes only accounts that were made here.
  printf '%s\n' "$account" >> "$target/made-accounts"
fi
group=$(id -gn "$account")
systemctl stop sallyport-gateway 2> /dev/null || true
install -d -m 0700 -o "$account" -g "$group" "$state"
# After a change of the account, the identity and keys are the new one's.
chown -R -h "$account:$group" "$state"
install -m 0755 "$here/sallyport-gateway" "$here/uninstall.sh" "$target/"
install -m 0644 "$here/README" "$here/SHA256SUMS" "$target/"
install -m 0644 "$here"/lib/* "$target/lib/"
install -m 0755 "$here"/runtime/* "$target/runtime/"
[ -f "$settings/gateway.env" ] || install -m 0644 "$here/gateway.env" "$settings/gateway.env"
if [ -f "$here/token" ]; then
  install -m 0600 -o "$account" -g "$group" "$here/token" "$state/token"
  rm -f "$here/token"
fi
install -m 0644 "$here/sallyport-gateway.service" /etc/systemd/system/sallyport-gateway.service
ln -sf "$target/sallyport-gateway" /usr/local/bin/sallyport-gateway
systemctl daemon-reload
systemctl enable --now sallyport-gateway

printf 'Waiting for the gateway to enrol and serve'
tries=0
until SALLYPORT_GATEWAY_DIR="$state" "$target/sallyport-gateway" status > /dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 60 ]; then
    printf '\n'
    SALLYPORT_GATEWAY_DIR="$state" "$target/sallyport-gateway" status || true
    fail "it is installed and running, but does not serve yet; the log says why: journalctl -u sallyport-gateway"
  fi
  printf '.'
  sleep 1
done
printf '\n\nThe gateway serves. Compare this with the fingerprint on its page in the console:\n\n'
SALLYPORT_GATEWAY_DIR="$state" "$target/sallyport-gateway" fingerprint
printf '\nSee also: sallyport-gateway status\n'
