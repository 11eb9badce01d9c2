#!/bin/sh
# token.sh CHECKOUT: prints a token for one more node, as soon as the server on this machine answers. As root.
set -eu

. "$1/vagrant/common.sh"

# Setting a node up on a slow line takes a while; afterwards the token is of no use.
readonly TTL=1h

wait_for_server
exec porthole token create --ttl "$TTL" --description 'vagrant up'
