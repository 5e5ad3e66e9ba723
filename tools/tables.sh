#!/bin/sh
# Puts the tables of results/ into BENCHMARKS.md and README.md, between their markers: tables are
# generated, never typed.  Usage: tables.sh PODIUM
set -eu
podium=$1
table=$(mktemp)
trap 'rm -f "$table" "$table.new"' EXIT
"$podium" score results/vit-mini --format markdown > "$table"
for page in BENCHMARKS.md README.md; do
    awk -v table="$table" '
        /<!-- results end -->/ { on = 0 }
        !on { print }
        /<!-- results begin -->/ { on = 1; print ""; while ((getline line < table) > 0) print line; print "" }
    ' "$page" > "$table.new"
    cmp -s "$table.new" "$page" || cp "$table.new" "$page"
done
