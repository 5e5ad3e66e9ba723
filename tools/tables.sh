#!/bin/sh
# Puts the tables of results/ into BENCHMARKS.md and README.md, between their markers: tables are
# generated, never typed.  Usage: tables.sh PODIUM
set -eu
podium=$1
table=$(mktemp)
trap 'rm -f "$table" "$table.new"' EXIT
"$podium" score results/mini --format markdown > "$table"
# place MARKER PAGE: the table between its begin and end
place() {
    awk -v table="$table" -v marker="$1" '
        $0 == "<!-- " marker " end -->" { on = 0 }
        !on { print }
        $0 == "<!-- " marker " begin -->" { on = 1; print ""; while ((getline line < table) > 0) print line; print "" }
    ' "$2" > "$table.new"
    cmp -s "$table.new" "$2" || cp "$table.new" "$2"
}
place results BENCHMARKS.md
place results README.md
"$podium" list workloads --details --markdown > "$table"
place suite BENCHMARKS.md
# The baselines of each mini on seeds that the search had not seen, from its tuning log.
for w in transformer widenet compacter gpt; do
    printf '%s:\n' "$w"
    tools/tune.py "tools/tuning/$w-mini.json" --log "results/tuning/$w-mini.jsonl" --report | sed '1d'
    echo
done | sed '$d' > "$table"
place tuning BENCHMARKS.md
# rows LOG...: an optimizer of a tuning run a row.
rows() {
    echo '| workload | target | optimizer | setting | points tried | steps to target | reached | last value (median) | noise / slope |'
    echo '|---|---|---|---|---|---|---|---|---|'
    for log; do
        name=$(basename "$log" .jsonl)
        tools/tune.py "tools/tuning/$name.json" --log "$log" --report |
            awk -F' [|] ' -v name="$(echo "$name" | sed 's/-mini-/ /; s/-base$//')" '
                /^target:/ { target = $0; sub(/^target: (validation )?/, "", target); sub(/;.*/, "", target) }
                /^\| [a-z]/ && !/^\| optimizer/ { sub(/ \|$/, "", $8); print "| " name, target, substr($1, 3), $2, $3, $5, $6, $7, $8 " |" }' OFS=' | '
    done
}
# The held-out variants' and the bases'.
rows $(for log in results/tuning/*-mini-*.jsonl; do
    ! grep -q '"held_out"' "tools/tuning/$(basename "$log" .jsonl).json" || echo "$log"; done) > "$table"
place variants BENCHMARKS.md
rows results/tuning/*-base.jsonl > "$table"
place bases BENCHMARKS.md
if [ -d results/first-mini ]; then
    tools/first_results.py --table > "$table"
    printf '\n![Performance profiles of the optimizers at their defaults](docs/first-mini.svg)\n' >> "$table"
    "$podium" score results/first-mini --format svg > "$table.new"
    cmp -s "$table.new" docs/first-mini.svg || cp "$table.new" docs/first-mini.svg
    place first BENCHMARKS.md
fi
# A study's tables, as far as its records go.
for records in results/studies/*.jsonl; do
    name=$(basename "$records" .jsonl)
    [ -f "tools/studies/$name.json" ] || continue
    tools/claim.py "tools/studies/$name.json" --table > "$table" && place "$name" BENCHMARKS.md
done
