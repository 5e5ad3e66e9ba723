#!/bin/sh
# podium parity: golden ViT cases agree, and a wrong one is noticed.
podium=${PODIUM_BUILD:-build}/podium
golden=tests/golden/models
n=0
check() { # STATUS WHAT COMMAND...
    n=$((n + 1)); want=$1; what=$2; shift 2
    "$@" >"$dir/out" 2>&1; got=$?
    if [ "$got" = "$want" ]; then echo "ok $n - $what"; else
        echo "not ok $n - $what (exit $got, expected $want)"; sed 's/^/# /' "$dir/out" | tail -5
    fi
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for case in "$golden"/vit_*.json; do
    check 0 "$(basename "$case" .json) holds to 1e-9 on ref" "$podium" parity --device ref "$case"
done
for case in "$golden"/vit_*.json; do
    check 0 "$(basename "$case" .json) holds to 2e-4 on cpu" "$podium" parity "$case"
done
for case in "$golden"/vit_*.json; do
    what="$(basename "$case" .json) holds to 3e-2 on cpu in bf16"
    "$podium" parity --precision bf16 "$case" >"$dir/out" 2>&1
    if grep -q "does not offer bf16" "$dir/out"; then
        n=$((n + 1)); echo "ok $n # SKIP this CPU has no bf16 matrix products: $what"
    else
        check 0 "$what" "$podium" parity --precision bf16 "$case"
    fi
done
check 1 "a tolerance below the noise fails" "$podium" parity --device ref --tolerance 1e-18 \
    "$golden/vit_glu.json"
sed 's/"layer_norm_eps": 1e-06/"layer_norm_eps": 0.01/' "$golden/vit_glu.json" >"$dir/vit_eps.json"
cp "$golden/vit_glu.safetensors" "$dir/"
check 1 "another epsilon fails" "$podium" parity --device ref "$dir/vit_eps.json"
sed 's/"model": "vit"/"model": "nothing"/' "$golden/vit_glu.json" >"$dir/vit_none.json"
check 2 "an unknown model is an input error" "$podium" parity --device ref "$dir/vit_none.json"
sed 's/vit_glu.safetensors/absent.safetensors/' "$golden/vit_glu.json" >"$dir/vit_absent.json"
check 2 "a missing tensor file is an input error" "$podium" parity --device ref "$dir/vit_absent.json"
head -c 5000 "$golden/vit_glu.safetensors" >"$dir/vit_glu.safetensors"
cp "$golden/vit_glu.json" "$dir/vit_cut.json"
check 2 "a cut tensor file is an input error" "$podium" parity --device ref "$dir/vit_cut.json"
echo "1..$n"
