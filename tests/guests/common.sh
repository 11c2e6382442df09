# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the guest builders share. An image is made once for given inputs (its builder and the files
# beside it) and kept under the hash of these, so building again is a matter of milliseconds and
# needs no network.
set -euo pipefail

guests=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
out=$(dirname "$(dirname "$guests")")/build/guests
cache=${SF_GUESTS_CACHE:-$out/cache} # packages and finished images; worth keeping between CI runs
began=$SECONDS

say() { printf '%4d s  %s\n' $((SECONDS - began)) "$*"; }
die() { echo "guests: $*" >&2; exit 1; }

# build NAME INPUT...: calls make_image FILE in a scratch directory, unless NAME is there for
# these inputs.
build() {
  local name=$1 key image; shift
  key=$(cat "$guests/common.sh" "$@" | sha256sum | cut -c1-16)
  image=$cache/$name-$key.qcow2
  mkdir -p "$out" "$cache"
  # One build at a time: two test runs may want the same image at once.
  exec 9>"$cache/$name.lock"
  flock -w 900 9 || die "somebody else has been building $name for 15 minutes"
  if [ ! -e "$image" ]; then
    scratch=$(mktemp -d "$cache/$name.XXXXXX")
    trap 'rm -rf --one-file-system "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
    (cd "$scratch" && make_image image.qcow2)
    rm -f "$cache/$name"-*.qcow2
    chmod 644 "$scratch/image.qcow2"
    mv "$scratch/image.qcow2" "$image"
  fi
  if ! cmp -s "$image" "$out/$name.qcow2"; then
    cp "$image" "$out/$name.new"
    mv "$out/$name.new" "$out/$name.qcow2"
  fi
  say "$out/$name.qcow2 ($(($(stat -c %s "$image") >> 20)) MiB)"
}

# The package file of the kernel that Debian ships for clouds now. Sets $kernel_package.
fetch_kernel() {
  local name try
  ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get -qq update
  for try in 1 2 3; do
    name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: *//p' | head -n 1)
    kernel_package=$(find "$cache" -name "${name:-none}_*.deb" | sort | tail -n 1)
    [ -z "$kernel_package" ] || return 0
    say "fetching ${name:-the kernel}"
    (cd "$cache" && apt-get -qq -o APT::Sandbox::User=root download "$name") || {
      say "attempt $try failed; the package lists may be old"
      sleep "$try"
      apt-get -qq update || true
    }
  done
  die "cannot fetch the package linux-image-cloud-amd64"
}
