#!/bin/sh
# `podium check` finds each fault and says it in words.
build=${PODIUM_BUILD:-build}
n=0
good() { # SUBMISSION
    n=$((n + 1))
    out=$("$build/podium" check "$1" 2>&1)
    if [ $? -eq 0 ]; then echo "ok $n - $(basename "$1") is found good"; else
        echo "not ok $n - $(basename "$1") is found good"
        echo "$out" | sed 's/^/# /'
    fi
}
bad() { # NAME WORDS
    n=$((n + 1))
    out=$("$build/podium" check "$build/tests/bad_submissions/$1.so" --timeout 0.3 2>&1)
    if [ $? -eq 1 ] && echo "$out" | grep -Eq "$2"; then echo "ok $n - $1: $2"; else
        echo "not ok $n - $1: $2"
        echo "$out" | sed 's/^/# /'
    fi
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
if nm "$build/podium-runner" | grep -q __asan; then
    n=$((n + 1))
    echo "ok $n # SKIP allocations are not counted under AddressSanitizer"
else
    bad malloc_in_step "1 allocations .* in one step: make buffers once"
fi
n=$((n + 1))
"$build/podium" check no-such-submission >/dev/null 2>&1
[ $? -eq 2 ] && echo "ok $n - an unknown name is a usage error" ||
    echo "not ok $n - an unknown name is a usage error"
echo "1..$n"
