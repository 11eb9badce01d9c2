#!/bin/sh
# worker.sh CHECKOUT SERVER TOKEN: makes this machine a node of the cluster at SERVER (a URL). Debian 13, as root.
set -eu

checkout=$1
server=$2
token=$3
unit=/etc/systemd/system/porthole-agent.service

. "$checkout/vagrant/common.sh"

install_porthole "$checkout"

# Made before it has its content, since the token is a secret until it has expired.
install -m 600 /dev/null "$unit"
cat >"$unit" <<UNIT
[Unit]
Description=Porthole node agent
Wants=network-online.target docker.service
After=network-online.target docker.service

[Service]
ExecStart=/usr/local/bin/porthole agent --server $server --token $token
Restart=always
RestartSec=2
# What a pod started goes on while the agent restarts.
KillMode=process

[Install]
WantedBy=multi-user.target
UNIT

start_unit porthole-agent.service
