#!/usr/bin/env bash
# What the tests use of the system where it is there: a browser for the page, a sandbox for the classroom.
# Tests that need one of them say so and are skipped elsewhere; CI must not skip them.
set -euo pipefail
needed=()
command -v chromium >/dev/null || needed+=(chromium)
command -v bwrap >/dev/null || needed+=(bubblewrap)
command -v git >/dev/null || needed+=(git)
[ ${#needed[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "not root: ${needed[*]} cannot be installed; tests that need them will be skipped" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${needed[@]}" >/dev/null
