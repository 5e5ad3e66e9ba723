#!/bin/sh
# `podium check` finds each fault and says it in words.
. tests/tap.sh
build=${PODIUM_BUILD:-build}
good() { # SUBMISSION
    check 0 "$(basename "$1") is found good" "$build/podium" check "$1"
}
bad() { # NAME WORDS
    "$build/podium" check "$build/tests/bad_submissions/$1.so" --timeout 0.3 >"$tmp/out" 2>&1
    [ $? -eq 1 ] && grep -Eq "$2" "$tmp/out"
    ok $? "$1: $2"
}
for name in nadamw adamw nesterov heavy_ball sgd sam mechanic soap; do good "$name"; done
good "$build/tests/bad_submissions/good.so"
bad crash "crashed in step 3: SIGSEGV"
bad exit "called exit\(0\) in step 5: return a status instead"
bad abort "crashed in create: SIGABRT"
bad hang "did not return from step 2 within 0.3 seconds"
bad nan "not finite after step 7"
bad static_state "differs from step .* hidden in a static"
bad heap_state "differs from step .* hidden in a static, a global or malloc"
bad clock_random "two runs with one seed differ from step 0 on: take all randomness from"
bad prints "it prints: 'hello from a submission"
bad ignores_failure "step\(\) returned success: return the status"
bad stands_still "changed no parameter"
bad wrong_abi "wrong ABI version 7\.[0-9]+, this host speaks [0-9]+\.[0-9]+: rebuild"
bad wrong_size "wrong struct_size: podium_submission has 24 bytes"
bad missing_symbol "symbol 'podium_get_submission' is missing"
bad bad_default "hyperparameter 'lr': default 2 lies outside its range \[0, 1\]"
bad bad_program "failed in step 0 with status -1: vec_program"
bad same_name "the name 'v' is taken"
bad fails_with_text "failed in create with status -3: needs a bigger boat"
what="1 allocations .* in one step: make buffers once"
if nm "$build/podium-runner" | grep -q __asan; then
    skip "malloc_in_step: $what" "allocations are not counted under AddressSanitizer"
else
    bad malloc_in_step "$what"
fi
check 2 "an unknown name is a usage error" "$build/podium" check no-such-submission
tap_done
