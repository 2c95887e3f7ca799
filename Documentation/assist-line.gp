# SPDX-License-Identifier: MIT
# gnuplot assist-line.gp, in this folder, makes assist-line.svg of assist-line.dat, which is
# what build/selftests/unit/gc_assist_line --data prints.
set terminal svg size 960,420 dynamic enhanced font "sans,12" background "#ffffff"
set output "assist-line.svg"
set multiplot layout 1,2
set key top left Left reverse samplen 2
set grid lc rgb "#dddddd"
set xlabel "heap, MB (trigger 150, goal 200, live 100)"
set xrange [148:225]
set arrow from 200,graph 0 to 200,graph 1 nohead dt 2 lc rgb "#888888"
set title "work, MB"
set yrange [0:220]
plot "assist-line.dat" index 0 using 1:2 with lines lw 1 dt 3 lc rgb "#0060a0" title "done; workers do half, then stop", \
     "" index 0 using 1:3 with lines lw 2 lc rgb "#0060a0" title "paid, as much work as expected", \
     "" index 2 using 1:3 with lines lw 2 lc rgb "#208020" title "paid, half more; the goal moves", \
     "" index 3 using 1:3 with lines lw 2 lc rgb "#c04000" title "paid, half more; it may not"
set title "price: work that a byte owes"
set yrange [0:16]
plot "assist-line.dat" index 0 using 1:4 with lines lw 2 lc rgb "#0060a0" title "as much work as expected", \
     "" index 1 using 1:4 with lines lw 1 dt 2 lc rgb "#606060" title "the same, were the pool not counted", \
     "" index 2 using 1:4 with lines lw 2 lc rgb "#208020" title "half more; the goal moves", \
     "" index 3 using 1:4 with lines lw 2 lc rgb "#c04000" title "half more; it may not"
