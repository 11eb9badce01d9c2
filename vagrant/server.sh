#!/bin/sh
# server.sh CHECKOUT ADDRESS: makes this machine the cluster's server, which nodes reach by ADDRESS. Debian 13, as root.
set -eu

checkout=$1
address=$2
readonly READY_TIMEOUT_S=120

. "$checkout/vagrant/common.sh"

install_porthole "$checkout"

cat >/etc/systemd/system/porthole-server.service <<UNIT
[Unit]
Description=Porthole control plane
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/local/bin/porthole server --advertise-address $address
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
UNIT

start_unit porthole-server.service
[ -d /run/systemd/system ] || exit 0

# A token can be made as soon as the API answers.
waited=0
until porthole token list >/dev/null 2>&1; do
  if [ $waited -ge $READY_TIMEOUT_S ]; then
    say "the server does not answer after $READY_TIMEOUT_S s; its log says:"
    journalctl --no-pager -n 50 -u porthole-server.service
    exit 1
  fi
  waited=$((waited + 1))
  sleep 1
done
say "the server is up at https://$address:6443"
