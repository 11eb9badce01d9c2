#!/bin/sh
# server.sh CHECKOUT ADDRESS: makes this machine the cluster's server, which nodes reach by ADDRESS. Debian 13, as root.
set -eu

checkout=$1
address=$2

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

wait_for_server
say "the server is up at https://$address:6443"
