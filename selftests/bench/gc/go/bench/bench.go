// SPDX-License-Identifier: MIT

// Package bench is what bench.h, hist.h and heap_*.h are for the programs in C:
// figures, clocks, the same generator, a histogram, Go's own word on its pauses.
package bench

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Clocks of clock_gettime().
const (
	processCPU = 2
	threadCPU  = 3
)

var base = time.Now()

// Now is a monotonic clock, ns.
func Now() uint64 {
	return uint64(time.Since(base)) + 1
}

func clock(id uintptr) uint64 {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		Die("clock_gettime failed")
	}
	return uint64(ts.Nano())
}

// ProcessNs is the CPU time of the process.
func ProcessNs() uint64 {
	return clock(processCPU)
}

// ThreadNs is the CPU time of the thread.
func ThreadNs() uint64 {
	return clock(threadCPU)
}

// Die ends the program with a line on stderr.
func Die(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

// Put prints one figure.
func Put(name string, value float64, unit string) {
	fmt.Printf("%s %.6g %s\n", name, value, unit)
}

func fileKB(path, key string) float64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, key) {
			v, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return v
		}
	}
	return -1
}

// RssKB is what is resident, PeakKB the most that ever was.
func RssKB() float64 {
	return fileKB("/proc/self/smaps_rollup", "Rss:")
}

func PeakKB() float64 {
	return fileKB("/proc/self/status", "VmHWM:")
}

// Num is a number among the arguments.
func Num(i int, otherwise uint64) uint64 {
	if len(os.Args) <= i {
		return otherwise
	}
	v, err := strconv.ParseUint(os.Args[i], 0, 64)
	if err != nil {
		Die("not a number: " + os.Args[i])
	}
	return v
}

// Real is one that may have a fraction.
func Real(i int, otherwise float64) float64 {
	if len(os.Args) <= i {
		return otherwise
	}
	v, err := strconv.ParseFloat(os.Args[i], 64)
	if err != nil {
		Die("not a number: " + os.Args[i])
	}
	return v
}

// Rng is xorshift64*, the high half.
type Rng struct {
	s uint64
}

func (r *Rng) Seed(seed uint64) {
	r.s = (seed + 1) * 0x9e3779b97f4a7c15
}

func (r *Rng) Next() uint32 {
	r.s ^= r.s >> 12
	r.s ^= r.s << 25
	r.s ^= r.s >> 27
	return uint32((r.s * 0x2545f4914f6cdd1d) >> 32)
}

func (r *Rng) Below(n uint32) uint32 {
	return uint32((uint64(r.Next()) * uint64(n)) >> 32)
}

// Run runs fn in n goroutines and waits for all.
func Run(n int, fn func(id int)) {
	var done sync.WaitGroup
	done.Add(n)
	for i := 0; i < n; i++ {
		go func(id int) {
			fn(id)
			done.Done()
		}(i)
	}
	done.Wait()
}

// PutResult prints the figures that a program with a fixed amount of work ends with.
func PutResult(ns uint64, ops float64) {
	Put("cpu_ns_per_op", float64(ProcessNs())/ops, "ns")
	Put("time", float64(ns)/1e9, "s")
	Put("ns_per_op", float64(ns)/ops, "ns")
	Put("peak_rss", PeakKB(), "kB")
}

// Median sorts v.
func Median(v []float64) float64 {
	sort.Float64s(v)
	return v[len(v)/2]
}

// Least of what is not empty.
func Least(v []float64) float64 {
	least := v[0]
	for _, x := range v {
		if x < least {
			least = x
		}
	}
	return least
}

var window runtime.MemStats

// Window makes the figures of the collector count from here.
func Window() {
	runtime.ReadMemStats(&window)
}

// Cycles is the number of collections until now, without a stop of the world.
func Cycles() uint64 {
	return gcCycles()
}

// Figures puts them. A cycle's pauses count as one, as PauseNs has them.
func Figures() {
	var st runtime.MemStats
	runtime.ReadMemStats(&st)
	n := int(st.NumGC - window.NumGC)
	pauses := []float64{}
	for i := 0; i < n && i < len(st.PauseNs); i++ {
		pauses = append(pauses, float64(st.PauseNs[(int(st.NumGC)-1-i)%len(st.PauseNs)]))
	}
	pauses = append(pauses, 0)
	median := Median(pauses)
	Put("gc.cycles", float64(n), "count")
	Put("gc.stop_p50", median/1e3, "us")
	Put("gc.stop_max", pauses[len(pauses)-1]/1e3, "us")
	Put("gc.stopped", float64(st.PauseTotalNs-window.PauseTotalNs)/1e6, "ms")
	Put("gc.cpu_fraction", st.GCCPUFraction, "share")
}
