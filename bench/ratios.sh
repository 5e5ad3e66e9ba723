#!/bin/sh
# ratios.sh LINES SIZE PRECISION PEAK: medians over rounds of one size and precision, share of the
# measured peak, and the ratio to the fastest peer.
awk -v size="$2" -v precision="$3" -v peak="$4" '
function median(list,    v, n, i, j, t) {
    n = split(list, v, " ")
    for (i = 1; i <= n; i++)
        for (j = i + 1; j <= n; j++)
            if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
    return v[int((n + 1) / 2)]
}
$2 == size && $3 == precision {
    ms[$1] = ms[$1] " " $5
    if ($1 == "podium") { gflops = gflops " " $7; planned = $11; resident = $13 }
}
END {
    split(peak, p, " ")
    top = precision == "f32" ? p[3] : p[5]
    ours = median(ms["podium"])
    printf "%s %-4s podium %.2f ms, %.1f GFLOP/s, %.0f %% of the peak; planned %.0f MiB, resident %.0f MiB\n",
        size, precision, ours, median(gflops), 100 * median(gflops) / top, planned, resident
    for (name in ms)
        if (name != "podium")
            printf "        %s %.2f ms, ratio %.2f\n", name, median(ms[name]), median(ms[name]) / ours
}' "$1"
