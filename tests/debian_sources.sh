# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# debian_sources: Debian 12's lines of sources.list for mmdebstrap, from wherever this machine gets
# its own packages.
debian_sources() {
  ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get -qq update
  # shellcheck disable=SC2016  # these are apt's variables
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' \
    'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u |
    grep -E ' bookworm(-[a-z]+)? main$'
}
