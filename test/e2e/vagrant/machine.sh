#!/bin/sh
# machine.sh VERB [MACHINE] ...: stands in for a virtual machine: a root folder with mount, pid, host name and network namespaces and
# cgroups of its own. All of it is below $LAB, which holds base/ (the root folder of a fresh system) and config/ (files to put into it).
#
#   start MACHINE HOSTNAME ADDRESS SOURCE TARGET EXCLUDE...   makes it out of base, or of what the first one was after its set-up
#   boot MACHINE                                              ends what runs in it and starts the units enabled there, on its own network
#   exec MACHINE PROGRAM ARGUMENT...                          before boot on this machine's network, so that packages can be had
#   laptop PROGRAM ARGUMENT...                                runs it on the machines' network, beside them
#   remove MACHINE, sweep                                     one of them, or all and the network; copes with what a killed run left
set -eu

readonly LAB=${LAB:?}
readonly NETWORK=porthole-vm LAN=porthole-vm-lan
readonly STOP_TIMEOUT_S=10
self=$(readlink -f "$0")
readonly self

fail() {
  echo "machine.sh: $*" >&2
  exit 1
}

netns() { echo "$NETWORK-$1"; }

# running MACHINE: prints the pid of its first process. A pid file that outlived its process may name a stranger by now.
running() {
  unshare=$(cat "$LAB/$1/pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$unshare/cmdline" 2>/dev/null | grep -qF "/vagrant/machine.sh init $1 " || return 1
  pgrep -P "$unshare"
}

launch() {
  setsid unshare --mount --pid --uts --ipc --fork --kill-child "$self" init "$1" </dev/null >"$LAB/$1/log" 2>&1 &
  echo $! >"$LAB/$1/pid"
  until [ -e "$LAB/$1/ready" ]; do
    kill -0 "$(cat "$LAB/$1/pid")" 2>/dev/null || fail "$1 did not start: $(cat "$LAB/$1/log")"
    sleep 0.05
  done
}

# Ends every process in it (they share its pid namespace), and so its mounts.
halt() {
  first=$(running "$1") || return 0
  kill -KILL "$first"
  waited=0
  while [ -e "/proc/$first" ] && ! grep -q '^State:.Z' "/proc/$first/status" 2>/dev/null; do
    [ $waited -lt $((STOP_TIMEOUT_S * 20)) ] || fail "$1 (pid $first) does not end"
    waited=$((waited + 1))
    sleep 0.05
  done
  rm -f "$LAB/$1/pid" "$LAB/$1/ready" "$LAB/$1/booted"
}

# The cgroup hierarchies of this machine: one with version 2, one a controller with version 1.
hierarchies() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo /sys/fs/cgroup
  else
    for dir in /sys/fs/cgroup/*/; do [ -L "${dir%/}" ] || echo "${dir%/}"; done
  fi
}

make_cgroups() {
  for hierarchy in $(hierarchies); do
    cgroup=$hierarchy/$(netns "$1")
    mkdir -p "$cgroup"
    # With version 1 a cpuset begins empty, and nothing could run in it.
    [ ! -e "$hierarchy/cpuset.cpus" ] || [ -n "$(cat "$cgroup/cpuset.cpus")" ] || for file in cpuset.cpus cpuset.mems; do
      cat "$hierarchy/$file" >"$cgroup/$file"
    done
  done
}

remove_cgroups() {
  for hierarchy in $(hierarchies); do
    [ ! -d "$hierarchy/$(netns "$1")" ] || find "$hierarchy/$(netns "$1")" -depth -type d -exec rmdir {} +
  done
}

mount_cgroups() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount --bind "/sys/fs/cgroup/$(netns "$1")" "$2"
    return
  fi
  mount -t tmpfs tmpfs "$2"
  for hierarchy in $(hierarchies); do
    mkdir "$2/${hierarchy##*/}"
    mount --bind "$hierarchy/$(netns "$1")" "$2/${hierarchy##*/}"
  done
  for link in /sys/fs/cgroup/*; do [ ! -L "$link" ] || cp -P "$link" "$2/"; done
}

make_network() {
  if [ ! -e "/run/netns/$LAN" ]; then
    ip netns add "$LAN"
    ip -n "$LAN" link set lo up
    ip -n "$LAN" link add lan type bridge
    ip -n "$LAN" addr add "${2%.*}.1/24" dev lan
    ip -n "$LAN" link set lan up
  fi
  ip netns add "$(netns "$1")"
  ip -n "$(netns "$1")" link set lo up
  ip -n "$(netns "$1")" link add eth1 type veth peer name "$1" netns "$LAN"
  ip -n "$(netns "$1")" addr add "$2/24" dev eth1
  ip -n "$(netns "$1")" link set eth1 up
  ip -n "$LAN" link set "$1" master lan up
}

# Runs as the first process in the new namespaces.
init() {
  dir=$LAB/$1 root=$LAB/$1/root
  lower=$LAB/base
  [ ! -d "$LAB/image" ] || lower=$LAB/image:$lower
  mount --make-rprivate /
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  nsenter "--net=/run/netns/$(netns "$1")" mount -t sysfs sysfs "$root/sys"
  mount_cgroups "$1" "$root/sys/fs/cgroup"
  mount -t tmpfs tmpfs "$root/run"
  # A container's layers cannot lie on an overlay; downloads are kept for the next time.
  for place in docker:/var/lib/docker containerd:/var/lib/containerd; do
    mkdir -p "$dir/${place%%:*}" "$root${place#*:}"
    mount --bind "$dir/${place%%:*}" "$root${place#*:}"
  done
  mount --bind "$LAB/packages" "$root/var/cache/apt/archives"
  hostname "$(cat "$root/etc/hostname")"
  cd "$root"
  touch "$dir/ready"
  exec chroot . sleep infinity
}

start() {
  name=$1 hostname=$2 address=$3 source=$4 target=$5
  shift 5
  remove "$name"
  mkdir -p "$LAB/$name/upper/etc/systemd/system" "$LAB/$name/work" "$LAB/$name/root" "$LAB/packages/partial"
  make_network "$name" "$address"
  make_cgroups "$name"
  cp -a "$LAB/config/." "$LAB/$name/upper/"
  echo "$hostname" >"$LAB/$name/upper/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$hostname" >"$LAB/$name/upper/etc/hosts"
  launch "$name"
  for pattern in "$@"; do
    shift
    set -- "$@" "--exclude=${pattern%/}"
  done
  inside "$name" mkdir -p "$target"
  # As Vagrant leaves a folder that it has synced: the box's user owns it.
  tar -C "$source" --owner=vagrant:1000 --group=vagrant:1000 "$@" -cf - . | inside "$name" tar -C "$target" -xpf -
  # The image was a machine before, of which only the packages and the build are wanted.
  inside "$name" sh -c 'rm -f /etc/systemd/system/porthole-* /etc/systemd/system/multi-user.target.wants/porthole-*'
}

# inside MACHINE [PROGRAM ARGUMENT...]: the environment is what systemd and sudo leave of one.
inside() {
  first=$(running "$1") || fail "$1 does not run"
  net=
  [ ! -e "$LAB/$1/booted" ] || net=--net=/run/netns/$(netns "$1")
  shift
  nsenter -t "$first" $net --mount --pid --uts --ipc --root --wdns=/ \
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# setting UNIT KEY: what the unit says, a line a value.
setting() {
  for dir in /etc/systemd/system /usr/lib/systemd/system; do
    inside "$machine" sed -n "s/^$2=//p" "$dir/$1" 2>/dev/null && return
  done
  fail "there is no unit $1 on $machine"
}

# Starts a unit's ExecStart after what the unit wants, as systemd does; a socket that it requires is passed to it.
start_unit() {
  case " $started " in *" $1 "*) return ;; esac
  started="$started $1"
  for wanted in $(setting "$1" Wants); do
    case $wanted in *.service) start_unit "$wanted" ;; esac
  done
  command=$(setting "$1" ExecStart)
  for required in $(setting "$1" Requires); do
    case $required in *.socket) command="systemd-socket-activate -l $(setting "$required" ListenStream) -E PATH $command" ;; esac
  done
  setsid "$self" exec "$machine" sh -c "exec $command" </dev/null >"$LAB/$machine/$1.log" 2>&1 &
}

boot() {
  machine=$1 started=
  halt "$machine"
  # The next machines are made from the first that was set up, which spares them most of that.
  if [ ! -d "$LAB/image" ] && [ -L "$LAB/$machine/upper/usr/local/bin/porthole" ]; then
    mv "$LAB/$machine/upper" "$LAB/image"
    mkdir "$LAB/$machine/upper"
  fi
  launch "$machine"
  touch "$LAB/$machine/booted"
  for unit in $(inside "$machine" find /etc/systemd/system/multi-user.target.wants -name 'porthole-*' -printf '%f\n'); do
    start_unit "$unit"
  done
}

remove() {
  halt "$1"
  [ ! -e "/run/netns/$(netns "$1")" ] || ip netns del "$(netns "$1")"
  # The kernel removes a link some time after the namespace at its other end.
  [ ! -e "/run/netns/$LAN" ] || ! ip -n "$LAN" link show "$1" >/dev/null 2>&1 || ip -n "$LAN" link del "$1" 2>/dev/null || :
  remove_cgroups "$1"
  rm -rf --one-file-system "${LAB:?}/$1"
}

sweep() {
  for dir in "$LAB"/*/upper; do
    [ ! -d "$dir" ] || (dir=${dir%/upper} && remove "${dir##*/}")
  done
  [ ! -e "/run/netns/$LAN" ] || ip netns del "$LAN"
  rm -rf --one-file-system "$LAB"
}

verb=$1
shift
case $verb in
  start | boot | remove | init | sweep) "$verb" "$@" ;;
  exec) inside "$@" ;;
  laptop) exec nsenter "--net=/run/netns/$LAN" "$@" ;;
  *) fail "no verb $verb" ;;
esac
