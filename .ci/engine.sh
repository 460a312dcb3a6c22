#!/usr/bin/env bash
# Prepares a container engine for exercise 5, once: Podman through apt, and a base image made on this machine where no
# image registry can be reached. Says on standard output, as NAME=VALUE, what the tests' environment needs:
#
#   settings=$(bash .ci/engine.sh) && [ -z "$settings" ] || export "$settings"
#
# Without the script that makes the base image beside this checkout it does nothing: where images can be pulled,
# `podman pull python:3.12-slim` or a running Docker is all that the lab asks for.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'engine: %s\n' "$*" >&2; }

maker=../shared/containers/standin-base.sh
base=docker.io/library/python:3.12-slim
home=${LAB_ENGINE_HOME:-/var/tmp/inference-lab-engine}
if [ ! -e "$maker" ]; then
  say "no $maker: nothing to prepare"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  say "not root: apt and the base image need it; the engine checks of exercise 5 will not run"
  exit 1
fi

export CONTAINERS_CONF=$home/containers.conf
mkdir -p "$home"
runs() {
  [ -f "$CONTAINERS_CONF" ] && command -v podman >/dev/null &&
    [ "$(podman --log-level fatal run --rm --pull=never --network=none "$base" python -c 'print(6 * 7)' 2>/dev/null)" = 42 ]
}
if ! runs; then
  if ! command -v podman >/dev/null; then
    say "apt-get install podman"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      podman runc netavark aardvark-dns; } >/dev/null 2>"$home/apt.log" || { tail -5 "$home/apt.log" >&2; exit 1; }
  fi
  say "making $base, which takes about a minute"
  mkdir -p "$home/debs"
  CACHE=$home/debs bash "$maker" -p 3.12 -c "$CONTAINERS_CONF" >&2
  runs || { say "the base image was made, and does not run"; exit 1; }
fi

# The corpus has an image that pins no version; it needs one of that name to be judged by what it does.
podman --log-level fatal tag "$base" docker.io/library/python:slim

# The layer with the dependencies, once: builds of the corpus that begin alike find it here instead of installing again.
warm=$(mktemp -d)
trap 'rm -rf "$warm"' EXIT
cp -r graders/skeleton/app graders/solutions/exercise5/. "$warm/"
if ! podman --log-level fatal build --format docker --pull=never --network=host --tag localhost/inference-lab-warm \
  "$warm" >"$home/build.log" 2>&1; then
  tail -5 "$home/build.log" >&2
  exit 1
fi
say "Podman $(podman version --format '{{.Version}}') runs $base"
echo "CONTAINERS_CONF=$CONTAINERS_CONF"
