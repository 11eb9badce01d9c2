#!/bin/sh
# Builds the few images that a cluster without a registry needs, out of the distribution's own packages, which it downloads but
# does not install: pause, busybox, nginx and an echo server. Prints the path of one archive for `docker load`; a second run
# with the same recipe finds it in the cache. Needs root (chroot), apt-get and dpkg-deb.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${PORTHOLE_IMAGE_CACHE:-/var/cache/porthole/images}
packages='nginx libnginx-mod-stream busybox-static catatonit'
# Applets that a shell in a container is expected to have are all of busybox's; these would only do harm there.
unwanted_applets='busybox|dpkg|dpkg-deb|rpm|rpm2cpio|init|linuxrc|run-init|switch_root|poweroff|reboot|halt'

say() { echo "images: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail 'building images needs root (it runs the loader in a chroot): use sudo'
for tool in apt-get dpkg-deb tar sha256sum chroot; do
  command -v $tool >/dev/null || fail "$tool is missing: the images are built from Debian or Ubuntu packages only"
done

arch=$(dpkg --print-architecture)
release=$(. /etc/os-release && echo "${ID}-${VERSION_ID:-sid}")
recipe=$(cat "$here/build.sh" "$here"/rootfs/*/* | { cat; echo "$release $arch"; } | sha256sum | cut -c1-16)
archive=$cache/$recipe/images.tar
if [ -s "$archive" ]; then
  echo "$archive"
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# An empty dpkg status makes apt resolve the whole closure, whatever the machine has installed.
: >"$work/status"
apt() {
  apt-get -q -o APT::Sandbox::User=root -o Dir::State::status="$work/status" -o Dir::State::extended_states="$work/extended" \
    -o Debug::NoLocking=1 "$@"
}

# What is run comes from these; the rest of the closure (maintainer scripts' tools) is not downloaded.
closure() {
  apt install -s --no-install-recommends $packages | sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -E '^(lib|zlib|nginx|busybox-static$|catatonit$)'
}

download() {
  say "downloading $packages and their libraries"
  wanted=$(closure) || return 1
  (cd "$work" && mkdir -p debs && cd debs && apt -qq download $wanted >&2)
}

if ! download; then
  say 'the package lists are missing or old: apt-get update'
  apt-get -q update >&2 || fail 'apt-get update failed: is a package mirror reachable?'
  rm -rf "$work/debs"
  download || fail "cannot download $packages: is a package mirror reachable, and are main and universe enabled?"
fi

# Library paths are the merged ones, whichever way the packages still spell them.
merged_root() {
  mkdir -p "$1"
  for dir in bin sbin lib lib64; do
    mkdir -p "$1/usr/$dir"
    ln -s "usr/$dir" "$1/$dir"
  done
}

root=$work/root
merged_root "$root"
for deb in "$work"/debs/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink
done
# Where programs look for it (PT_INTERP): in lib64 on amd64, in lib elsewhere.
loader=$(cd "$root" && find usr/lib64 usr/lib -maxdepth 1 -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || fail "no loader (ld-linux) in libc6 of $release $arch"

# needs FILE: the loader's list of what a dynamic program or library of the root needs; nothing for a static one.
needs() {
  verdict=0
  chroot "$root" "/$loader" --verify "/$1" || verdict=$?
  # 0: a program for this loader, 2: a library.
  [ $verdict -eq 0 ] || [ $verdict -eq 2 ] || return 0
  chroot "$root" "/$loader" --list "/$1" || fail "/$1 lacks a library"
}

# closure_of DEST FILE...: copies the files, every library they need and the loader, each at the path it is looked for.
closure_of() {
  dest=$1
  shift
  merged_root "$dest"
  for file in "$@"; do
    listing=$(needs "$file")
    for path in "/$file" $(echo "$listing" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p') ${listing:+/$loader}; do
      mkdir -p "$dest$(dirname "$path")"
      # lib is usr/lib here and in the image alike; -L copies what a versioned link stands for.
      cp -L "$root$path" "$dest$path"
    done
  done
}

# layer NAME: the directory NAME as a tar that is the same byte for byte each time.
layer() {
  tar -C "$work/$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf "$work/out/$1.tar" .
}

mkdir -p "$work/out"

say 'building pause'
closure_of "$work/pause" usr/bin/catatonit
mv "$work/pause/usr/bin/catatonit" "$work/pause/usr/bin/pause"
layer pause

say 'building busybox'
merged_root "$work/busybox"
mkdir -p "$work/busybox/tmp" "$work/busybox/root" "$work/busybox/etc" "$work/busybox/var"
chmod 1777 "$work/busybox/tmp"
cp "$root/bin/busybox" "$work/busybox/usr/bin/busybox"
"$root/bin/busybox" --list | grep -vxE "$unwanted_applets" | while read -r applet; do
  ln -s busybox "$work/busybox/usr/bin/$applet"
done
cp "$here"/rootfs/busybox/* "$work/busybox/etc/"
layer busybox

say 'building nginx'
closure_of "$work/nginx" usr/sbin/nginx
mkdir -p "$work/nginx/etc/nginx/conf.d" "$work/nginx/usr/share/nginx/html" "$work/nginx/var/log/nginx" "$work/nginx/var/cache/nginx" \
  "$work/nginx/var/lib/nginx" "$work/nginx/run"
ln -s ../run "$work/nginx/var/run"
cp "$root/etc/nginx/mime.types" "$here/rootfs/nginx/nginx.conf" "$work/nginx/etc/nginx/"
cp "$here/rootfs/nginx/default.conf" "$work/nginx/etc/nginx/conf.d/"
cp "$here/rootfs/nginx/index.html" "$work/nginx/usr/share/nginx/html/"
ln -s /dev/stdout "$work/nginx/var/log/nginx/access.log"
ln -s /dev/stderr "$work/nginx/var/log/nginx/error.log"
layer nginx

say 'building echo'
closure_of "$work/echo" usr/lib/nginx/modules/ngx_stream_module.so
mkdir -p "$work/echo/etc/nginx"
cp "$here/rootfs/echo/echo.conf" "$work/echo/etc/nginx/"
layer echo

# image NAME CONFIG TAGS LAYER...: one entry of the archive's manifest, and its config.
manifest=
image() {
  name=$1 config=$2 tags=$3
  shift 3
  layers= diff_ids=
  for l in "$@"; do
    layers="$layers${layers:+,}\"$l.tar\""
    diff_ids="$diff_ids${diff_ids:+,}\"sha256:$(sha256sum "$work/out/$l.tar" | cut -d' ' -f1)\""
  done
  printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Labels":{"porthole.recipe":"%s"},%s},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
    "$arch" "$recipe" "$config" "$diff_ids" >"$work/out/$name.json"
  manifest="$manifest${manifest:+,}{\"Config\":\"$name.json\",\"RepoTags\":[$tags],\"Layers\":[$layers]}"
}

image pause '"Entrypoint":["/usr/bin/pause","-P"]' '"registry.k8s.io/pause:3.10"' pause
image busybox '"Cmd":["sh"]' '"busybox:1.36","busybox:latest"' busybox
image nginx '"Cmd":["nginx","-g","daemon off;"],"StopSignal":"SIGQUIT","ExposedPorts":{"80/tcp":{}}' '"nginx:1.27","nginx:latest"' busybox nginx
image echo '"Cmd":["nginx","-c","/etc/nginx/echo.conf"],"ExposedPorts":{"8080/tcp":{},"9000/tcp":{},"9001/udp":{}}' '"porthole/echo:1","porthole/echo:latest"' busybox nginx echo
printf '[%s]\n' "$manifest" >"$work/out/manifest.json"

mkdir -p "$cache/$recipe"
tar -C "$work/out" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -cf "$work/images.tar" .
# The rename is what makes the archive exist: a killed build leaves none.
mv "$work/images.tar" "$archive"
say "built $archive"
echo "$archive"
