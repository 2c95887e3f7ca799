# SPDX-License-Identifier: MIT
# Drawn by scripts/soak, which sets data, drawn and name: two panels over time.
set terminal svg size 1100,620 dynamic enhanced font "sans,12" background "#ffffff"
set output drawn
set multiplot layout 2,1 title name
set key outside right top Left reverse samplen 2
set grid lc rgb "#dddddd"
set lmargin 9
set rmargin 18
set ylabel "MiB"
set yrange [0:]
plot data using 1:3 with lines lw 2 lc rgb "#202020" title "resident", \
     "" using 1:4 with lines lw 2 lc rgb "#2563c9" title "in use", \
     "" using 1:5 with lines lw 1 lc rgb "#d9660b" title "cached", \
     "" using 1:6 with lines lw 1 lc rgb "#208020" title "free pages"
set xlabel "seconds"
set ylabel "times in use"
set yrange [1:4]
plot data using 1:($4 > 1 ? $3 / $4 : NaN) with lines lw 1 lc rgb "#202020" title "resident", \
     "" using 1:($4 > 1 ? ($4 + $5) / $4 : NaN) with lines lw 1 lc rgb "#d9660b" title "spans", \
     "" using 1:($2 == 2 ? 1.15 : NaN) with points pt 7 ps 0.3 lc rgb "#c04000" title "limit at rest"
