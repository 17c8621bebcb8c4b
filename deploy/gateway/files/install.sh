#!/bin/sh
# Installs the gateway of this package as a systemd service, lets it enrol, and shows its fingerprint. Run as root: sh install.sh
set -eu
here=$(dirname "$(readlink -f "$0")")
target=/opt/sallyport-gateway
state=/var/lib/sallyport-gateway
settings=/etc/sallyport-gateway

fail() { printf 'The gateway was not installed: %s\n' "$1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "run this as root (sudo sh install.sh)."
[ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ] || fail "this package is for Linux on x86_64, this machine is $(uname -s) on $(uname -m)."
for tool in systemctl sha256sum readlink useradd install; do
  command -v "$tool" > /dev/null 2>&1 || fail "the program $tool is missing."
done
[ -d /run/systemd/system ] || fail "systemd does not run here; start the gateway by hand instead: $here/sallyport-gateway run"
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || fail "a file of the package is damaged; download it again."
"$here/runtime/node" --version > /dev/null 2>&1 || fail "the packaged runtime does not start here; it needs glibc 2.28 or newer."
free=$(df -Pk "$(dirname "$target")" | awk 'NR == 2 { print $4 }')
[ "$free" -gt 400000 ] || fail "$(dirname "$target") has less than 400 MB free."

id sallyport-gateway > /dev/null 2>&1 || useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin sallyport-gateway
systemctl stop sallyport-gateway 2> /dev/null || true
install -d -m 0755 "$target" "$target/lib" "$target/runtime" "$settings"
install -d -m 0700 -o sallyport-gateway -g sallyport-gateway "$state"
install -m 0755 "$here/sallyport-gateway" "$here/uninstall.sh" "$target/"
install -m 0644 "$here/README" "$here/SHA256SUMS" "$target/"
install -m 0644 "$here"/lib/* "$target/lib/"
install -m 0755 "$here"/runtime/* "$target/runtime/"
[ -f "$settings/gateway.env" ] || install -m 0644 "$here/gateway.env" "$settings/gateway.env"
if [ -f "$here/token" ]; then
  install -m 0600 -o sallyport-gateway -g sallyport-gateway "$here/token" "$state/token"
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
