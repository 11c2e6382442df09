#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a Debian 12 machine needs to build, run and test Shaken Fist. Every part is safe to repeat.
#
#   provision.sh packages [GROUP...]   print the packages of these groups: build, run, package, test,
#                                      bench, unpacked
#   provision.sh install [GROUP...]    install those that are missing (no group: all but bench,
#                                      which only tests/run --bench needs)
#   provision.sh services start        start MariaDB, virtlogd, libvirtd and dockerd unless they run
#   provision.sh services stop         stop those that `services start` started
set -euo pipefail

main() {
  case ${1-} in
    packages) shift; packages "$@" ;;
    install) shift; need_root; install_missing "$@" ;;
    services)
      need_root
      case ${2-} in
        start) start_services ;;
        stop) stop_services ;;
        *) usage ;;
      esac ;;
    *) usage ;;
  esac
}

usage() {
  sed -n '3,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

die() { echo "provision: $*" >&2; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || die "this changes the machine: run it with sudo"; }

# ---- packages --------------------------------------------------------------------------------

# The one list. Nothing else in this repository names a Debian package to install.
packages() {
  local group
  [ $# -gt 0 ] || set -- build run package test
  for group; do
    case $group in
      build) tr -s ' \n' '\n' <<'LIST'
        g++ cmake ninja-build ccache pkg-config git
        catch2 libarchive-dev libbrotli-dev libcli11-dev libcpp-httplib-dev libcpp-jwt-dev
        libcurl4-openssl-dev libexpected-dev libfmt-dev libkainjow-mustache-dev libmsgpack-cxx-dev
        libmysqlcppconn-dev libnftables-dev libnl-3-dev libnl-route-3-dev libsodium-dev
        libspdlog-dev libssl-dev libsystemd-dev libuv1-dev libvirt-dev nlohmann-json3-dev
        prometheus-cpp-dev zlib1g-dev
LIST
      ;;
      run) tr -s ' \n' '\n' <<'LIST'
        ca-certificates mariadb-server mariadb-client
        libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils ovmf
        docker.io dnsmasq-base iproute2 nftables kmod procps
LIST
      ;;
      package) tr -s ' \n' '\n' <<'LIST'
        dpkg-dev help2man
LIST
      ;;
      test) tr -s ' \n' '\n' <<'LIST'
        clang clang-format clang-tidy cppcheck libclang-rt-14-dev python3 curl openssl wrk chromium libfaketime
        libxml2-utils util-linux iputils-ping iputils-arping tcpdump
        busybox-static cpio dosfstools mtools syslinux syslinux-common zstd galera-4
        mmdebstrap e2fsprogs fdisk grub-pc-bin grub-common genisoimage lintian gcovr
LIST
      ;;
      bench) tr -s ' \n' '\n' <<'LIST'
        golang-go golang-github-hashicorp-memberlist-dev golang-github-hashicorp-serf-dev
        nghttp2-client iproute2 nftables
LIST
      ;;
      unpacked) echo prometheus ;; # never installed: tests/promtool takes one program out of it
      *) die "no such group of packages: $group (there are build, run, package, test, bench, unpacked)" ;;
    esac
  done | sed '/^$/d'
}

installed() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p'; }

install_missing() {
  local missing attempt
  missing=$(packages "$@" | grep -vxF -f <(installed) || true)
  [ -n "$missing" ] || { echo "provision: every package is there"; return; }
  echo "provision: installing" "${missing//$'\n'/ }"
  export DEBIAN_FRONTEND=noninteractive
  ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get -qq update || true
  for attempt in 1 2 3; do
    # Debian starts its own updates soon after boot; waiting for its lock beats failing on it.
    # shellcheck disable=SC2086  # the list is words on purpose
    if apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
      install $missing; then return; fi
    echo "provision: attempt $attempt failed; refreshing the package lists" >&2
    sleep $((attempt * 5))
    apt-get -qq update || true
  done
  die "could not install every package: see apt-get's words above"
}

# ---- services --------------------------------------------------------------------------------

state=/run/shakenfist-services # NAME.pid: "pid start-time"; NAME.unit: a systemd unit; NAME.log

# shellcheck disable=SC2016  # the probes are expanded by the shell that runs them
start_services() {
  mkdir -p "$state"
  if [ -d /run/systemd/system ]; then
    start_unit mariadb; start_unit virtlogd; start_unit libvirtd; start_unit docker
    return
  fi
  mkdir -p /run/mysqld && chown mysql:mysql /run/mysqld
  [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db >"$state/mysql.log"
  start mariadb 'mariadb-admin ping' mariadbd --user=mysql
  start virtlogd 'pid=$(cat /run/virtlogd.pid) && [ -d "/proc/$pid" ]' virtlogd
  start libvirtd 'virsh -c qemu:///system version' "${BASH_SOURCE[0]%/*}/without-dead-kvm" libvirtd
  # No bridge and no rules of its own: our containers get their links from us, and the machine
  # stays as it was.
  start dockerd 'curl -sf --unix-socket /run/docker.sock http://docker/_ping' \
    dockerd --bridge=none --iptables=false --ip6tables=false --ip-forward=false
}

start_unit() {
  systemctl is-active --quiet "$1" && { echo "$1 runs"; return; }
  systemctl start "$1" || die "systemctl start $1 failed: see journalctl -u $1"
  touch "$state/$1.unit"
  echo "$1 started"
}

# start NAME PROBE COMMAND...: PROBE, not a process list, says whether it runs, because the
# processes of test hosts (tests/hosts) are seen from here, too.
start() {
  local name=$1 probe=$2 try; shift 2
  bash -c "$probe" >/dev/null 2>&1 && { echo "$name runs"; return; }
  setsid "$@" >"$state/$name.log" 2>&1 </dev/null &
  echo "$! $(start_time $!)" >"$state/$name.pid"
  for try in $(seq 300); do
    bash -c "$probe" >/dev/null 2>&1 && { echo "$name started"; return; }
    kill -0 $! 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$state/$name.log" >&2
  die "$name did not start: its last words are above"
}

# When the process began, in ticks since boot: with it, a pid that was used again is not mistaken.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

stop_services() {
  local name
  for name in dockerd libvirtd virtlogd mariadb; do stop "$name"; done
  for name in docker libvirtd virtlogd mariadb; do
    [ -e "$state/$name.unit" ] || continue
    systemctl stop "$name" && echo "$name stopped"
  done
  rm -rf "$state"
}

stop() {
  local pid began try
  [ -s "$state/$1.pid" ] || return 0
  read -r pid began <"$state/$1.pid"
  for try in $(seq 200); do
    if [ "$(start_time "$pid")" != "$began" ]; then echo "$1 stopped"; return; fi
    [ "$try" != 1 ] || kill -TERM "$pid"
    sleep 0.1
  done
  kill -KILL "$pid"
  echo "$1 killed: it did not stop within 20 s" >&2
}

main "$@"
