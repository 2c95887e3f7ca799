module lane/gcbench

go 1.19
