# SPDX-License-Identifier: Apache-2.0
# What the scripts that run inside a host have in common; sourced.

die() { echo "${0##*/}: $*" >&2; exit 1; }

# wait_for SECONDS WHAT PROBE...: until PROBE succeeds.
wait_for() {
  local seconds=$1 what=$2 try; shift 2
  for try in $(seq $((seconds * 20))); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  die "$what after $seconds s ($try tries)"
}

gone() { [ ! -d "/proc/$1" ]; }
