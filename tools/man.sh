#!/bin/sh
# Manual pages from the help texts: man.sh PODIUM FOLDER writes podium.1 and a podium-COMMAND.1 each.
set -eu
podium=$1 out=$2
mkdir -p "$out"
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%d)

# Text as it stands: backslashes and hyphens are themselves, a dot or quote in front is no request.
escape() { sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'; }
verbatim() { printf '.nf\n'; escape; printf '.fi\n'; }

# page NAME SUMMARY < HELP TEXT
page() {
    printf '.TH %s 1 "%s" Podium "Podium manual"\n.SH NAME\n' "$(echo "$1" | tr a-z A-Z)" "$date"
    printf '%s\n' "$1 - $2" | sed 's/ - / \\- /'
    printf '.SH USAGE\n'
    sed 's/^usage: //' | verbatim
    printf '.SH EXIT STATUS\n0 done, 1 the thing measured failed, 2 usage or input error.\n'
}

summaries=$("$podium" --help | sed -n 's/^  \([a-z][a-z-]*\)  */\1 /p')
{
    "$podium" --help | page podium "benchmark training algorithms"
    printf '.SH SEE ALSO\n'
    echo "$summaries" | sed 's/^\([^ ]*\) .*/.BR podium\\-\1 (1)/'
} > "$out/podium.1"
echo "$summaries" | while read -r name summary; do
    {
        "$podium" help "$name" | page "podium-$name" "$summary"
        printf '.SH SEE ALSO\n.BR podium (1)\n'
    } > "$out/podium-$name.1"
done
