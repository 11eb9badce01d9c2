# What both kinds of machine need, to be sourced by server.sh and worker.sh: Node, the system packages, the build, the command.

say() { echo "porthole: $*"; }

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
