# TAP for `prove` in any POSIX shell, as tap.h is in C: say what is true.  A test begins with `. tests/tap.sh`
# at the root of the tree and ends with tap_done.  $tmp is a folder of its own, removed when it ends; let
# commands write to $tmp/out, $tmp/err or $tmp/log: a point that fails shows how those end.
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
tap_count=0

# ok STATUS NAME: one test point, true where STATUS is 0, which is returned.
ok() {
    tap_count=$((tap_count + 1))
    if [ "$1" = 0 ]; then
        printf 'ok %d - %s\n' "$tap_count" "$2"
        return 0
    fi
    printf 'not ok %d - %s\n' "$tap_count" "$2"
    for tap_file in "$tmp/out" "$tmp/err" "$tmp/log"; do
        [ ! -f "$tap_file" ] || tail -n 20 "$tap_file" | awk '{ print "# " $0 }'
    done
    return 1
}

# check STATUS NAME COMMAND...: the command, a function too, ends with this exit status; $tmp/out is what it says.
check() {
    tap_want=$1 tap_name=$2
    shift 2
    "$@" >"$tmp/out" 2>&1
    tap_got=$?
    [ "$tap_got" = "$tap_want" ] || echo "exit status $tap_got, expected $tap_want" >>"$tmp/out"
    [ "$tap_got" = "$tap_want" ]
    ok $? "$tap_name"
}

# skip NAME WHY: a point that cannot be tried here.
skip() {
    ok 0 "$1 # SKIP $2"
}

# skip_all WHY: nothing of the test can; it ends.  Before the first point.
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# The plan comes last: a test that dies on its way has none, and prove says so.
tap_done() {
    echo "1..$tap_count"
}
