# What both kinds of machine need, to be sourced by server.sh and worker.sh: Node, the system packages, the build, the command.

readonly SERVER_TIMEOUT_S=120

# Not on standard output: token.sh's is the token.
say() { echo "porthole: $*" >&2; }

# install_porthole CHECKOUT: a second run finds everything there and does nothing.
install_porthole() {
  export DEBIAN_FRONTEND=noninteractive
  if ! command -v npm >/dev/null; then
    say 'installing Node'
    apt-get update -q
    apt-get install -y -q --no-install-recommends nodejs npm
  fi
  "$1/bin/setup" install
  ln -sfn "$1/bin/porthole" /usr/local/bin/porthole
}

# start_unit NAME: now and at each boot; where systemd does not run (a folder that becomes an image) at the first boot.
start_unit() {
  systemctl enable "$1"
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl restart "$1"
  else
    say "systemd does not run here: $1 starts at the next boot"
  fi
}

# wait_for_server: until the API on this machine answers.
wait_for_server() {
  waited=0
  until porthole token list >/dev/null 2>&1; do
    if [ $waited -ge $SERVER_TIMEOUT_S ]; then
      say "the server does not answer after $SERVER_TIMEOUT_S s; its log says:"
      journalctl --no-pager -n 50 -u porthole-server.service >&2
      exit 1
    fi
    waited=$((waited + 1))
    sleep 1
  done
}
