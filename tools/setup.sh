#!/bin/bash
# Installs what Podium needs and this machine lacks, with apt: Debian 12/13, Ubuntu 24.04.
# `setup.sh race` for building and racing, `setup.sh check` adds what the tests use.
# Asks on a terminal (YES=1 skips), goes on without one; does nothing when all is present.
set -u
want=${1:-race}

# package            why
packages="
build-essential      compiler, make and libc headers
libdnnl-dev          oneDNN: matrix products on the CPU
liblapack-dev        eigenvectors and QR for Shampoo and SOAP (OpenBLAS's, where that is installed)
libyaml-dev          YAML: workloads and submissions
libjansson-dev       JSON: records and golden cases
libunistring-dev     Unicode classes, decomposition and case for the tokenizers and BLEU
zlib1g-dev           gzip'd data sets and MNIST's IDX files
git                  the revision that records carry
"
[ "$want" = check ] && packages="$packages
perl                 prove, the TAP harness that runs the tests
python3              compares results with an independent reader in a few tests
openmpi-bin          mpirun: trials over ranks
libopenmpi-dev       mpicc: the ranks' transport
binutils             nm and readelf: which symbols and libraries a .so has
"

present() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: no dpkg here, so nothing is installed; needed:" >&2
    echo "$packages" | sed '/^$/d; s/^/  /' >&2
    exit 0
fi
missing=
while read -r name why; do
    [ -z "$name" ] || present "$name" || missing="$missing $name"
done <<< "$packages"
[ -z "$missing" ] && exit 0

echo "Podium needs these packages, which are not installed:"
while read -r name why; do
    case " $missing " in *" $name "*) printf '  %-18s %s\n' "$name" "$why" ;; esac
done <<< "$packages"

as_root=
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        echo "setup: not root and no sudo: ask an administrator for: apt-get install$missing" >&2
        exit 2
    fi
fi
if [ -z "${YES:-}" ] && [ -t 0 ] && [ -t 1 ]; then
    printf 'Install them now? [Y/n] '
    read -r answer
    case "$answer" in n* | N*) echo "setup: nothing installed" >&2; exit 2 ;; esac
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$as_root apt-get update -qq &&
    $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
    echo "setup: apt-get install failed for:$missing" >&2
    exit 2
}
