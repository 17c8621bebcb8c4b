#!/bin/sh
# Installs the relay of this package as a systemd service and shows what to confirm in the console. Run as root: sh install.sh [--check]
# With --check it only says whether everything it needs is there. It changes nothing before that is so.
set -eu
export LC_ALL=C
here=$(dirname "$(readlink -f "$0")")
target=/opt/sallyport-relay
state=/var/lib/sallyport-relay
settings=/etc/sallyport-relay
account=sallyport-relay

fail() { printf 'The relay was not installed: %s\n' "$1" >&2; exit 1; }

missing=
lacks() { missing="$missing
  - $1"; }

[ "$(id -u)" = 0 ] || fail "run this as root (sudo sh install.sh)."
[ "$(uname -s)" = Linux ] || fail "this package is for Linux, this machine is $(uname -s)."
for tool in systemctl sha256sum readlink useradd install setpriv; do
  command -v "$tool" > /dev/null 2>&1 || lacks "the program $tool is not here."
done
[ -d /run/systemd/system ] || lacks "systemd does not run here; the relay can be started by hand instead: $here/sallyport-relay run"
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || lacks "a file of the package is damaged; download it again."
[ -f "$here/relay.json" ] || [ -f "$settings/relay.json" ] || lacks "relay.json is missing; download it from the relay's page in the console and put it beside this script."
"$here/sallyport-relay" version > /dev/null 2>&1 || lacks "no runtime starts the relay here; install Node 22 or newer, or use the package that brings Node along."

[ -z "$missing" ] || fail "nothing was changed, because of this:$missing"
if [ "${1:-}" = --check ]; then
  printf 'Everything the relay needs is here; it would run as the user %s.\n' "$account"
  exit 0
fi

install -d -m 0755 "$target" "$settings"
if ! id "$account" > /dev/null 2>&1; then
  useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin -- "$account"
  # The uninstaller removes only an account that was made here.
  printf '%s\n' "$account" > "$target/made-account"
fi
group=$(id -gn "$account")
systemctl stop sallyport-relay 2> /dev/null || true
install -d -m 0700 -o "$account" -g "$group" "$state"
install -m 0755 "$here/sallyport-relay" "$here/sallyport-relay.mjs" "$here/uninstall.sh" "$target/"
install -m 0644 "$here/README" "$here/SHA256SUMS" "$target/"
if [ -x "$here/runtime/node" ]; then
  install -d -m 0755 "$target/runtime"
  install -m 0755 "$here/runtime/node" "$target/runtime/node"
fi
[ ! -f "$here/relay.json" ] || install -m 0640 -o root -g "$group" "$here/relay.json" "$settings/relay.json"
[ -f "$settings/relay.env" ] || install -m 0644 "$here/relay.env" "$settings/relay.env"
# The key of another node, when nodes shall share one.
[ ! -f "$here/relay-key.pem" ] || install -m 0600 -o "$account" -g "$group" "$here/relay-key.pem" "$state/relay-key.pem"
install -m 0644 "$here/sallyport-relay.service" /etc/systemd/system/sallyport-relay.service
ln -sf "$target/sallyport-relay" /usr/local/bin/sallyport-relay
systemctl daemon-reload
systemctl enable --now sallyport-relay

printf 'The relay runs. Compare this with its page in the console, and press Confirm there:\n\n'
# As the service's user: the key file is made by whoever asks first, and must be its own.
setpriv --reuid="$account" --regid="$group" --clear-groups "$target/sallyport-relay" id
printf '\nSee also: sallyport-relay check, sallyport-relay status\n'
