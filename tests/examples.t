#!/bin/bash
# The submissions in C++ and Rust: where their compiler is, they build, load and replay heavy ball.
set -u
cd "$(dirname "$0")/.." || exit 2
. tests/tap.sh
podium=${PODIUM_BUILD:-build}/podium
# example LANGUAGE COMPILER COMMAND...: builds $tmp/LANGUAGE.so
example() {
    local language=$1 compiler=$2
    shift 2
    if ! command -v "$compiler" > /dev/null || ! "$compiler" --version > /dev/null 2>&1; then
        for what in builds replays "exports one symbol" "is a good citizen"; do
            skip "$language: $what" "no $compiler here"
        done
        return
    fi
    "$@" -o "$tmp/$language.so" > "$tmp/out" 2>&1
    ok $? "$language: it builds without a warning"
    "$podium" replay tests/golden/optimizers/heavy_ball-*.json --device ref --submission "$tmp/$language.so" \
        > "$tmp/out" 2>&1
    ok $? "$language: it replays heavy ball's trajectories"
    nm -D --defined-only "$tmp/$language.so" | awk '$2 != "V" && $2 != "u" {print $3}' > "$tmp/out"
    [ "$(cat "$tmp/out")" = podium_get_submission ]
    ok $? "$language: it exports one symbol"
    "$podium" check "$tmp/$language.so" > "$tmp/out" 2>&1
    ok $? "$language: podium check finds no fault"
}
example C++ "${CXX:-g++}" "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra -Werror -Iinclude -fPIC -shared \
    -fvisibility=hidden examples/cpp/heavy_ball.cpp
example Rust rustc rustc --edition 2021 -O -D warnings --crate-type cdylib -C panic=abort \
    examples/rust/heavy_ball.rs
tap_done
