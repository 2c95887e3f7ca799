// SPDX-License-Identifier: MIT

// The server of requests; see server.c.
package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"lane/gcbench/bench"
)

const (
	tickNs  = 1000000
	perTick = 20
)

var (
	filled, ready, served atomic.Int32
	grown                 atomic.Bool
	start                 atomic.Uint64
	over                  = make(chan struct{})
)

func closed(t *bench.Table, h *bench.Hist, end uint64) {
	for before := bench.Now(); before < end; {
		t.Request()
		now := bench.Now()
		h.Add(now - before)
		before = now
	}
}

// time.Sleep() waits for whole milliseconds at times; this wakes when it should.
func sleepUntil(tick uint64) {
	for now := bench.Now(); now < tick; now = bench.Now() {
		ts := syscall.NsecToTimespec(int64(tick - now))
		syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
	}
}

func paced(t *bench.Table, h *bench.Hist, start, end uint64) {
	for tick := start; tick < end; tick += tickNs {
		sleepUntil(tick)
		for i := 0; i < perTick; i++ {
			t.Request()
			h.Add(bench.Now() - tick)
		}
	}
}

type watched struct {
	took, cpu float64 // s, ns
}

func awaitGrowth(threads int32, ns uint64) {
	end, cycles := bench.Now()+ns, bench.Cycles()
	for bench.Cycles() < cycles+2 && bench.Now() < end {
		time.Sleep(10 * time.Millisecond)
	}
	grown.Store(true)
	for ready.Load() < threads {
		time.Sleep(time.Millisecond)
	}
}

func watch(threads int32, ns uint64, w *watched) {
	for filled.Load() < threads {
		time.Sleep(time.Millisecond)
	}
	bench.Put("rss_filled", bench.RssKB(), "kB")
	awaitGrowth(threads, ns)
	bench.Window()
	cycles, asked := bench.Cycles(), false
	cpu, began := bench.ProcessNs(), bench.Now()
	start.Store(began)
	for served.Load() < threads {
		time.Sleep(10 * time.Millisecond)
		if !asked && bench.Now()-began > ns/10*6 {
			asked = true
			if bench.Cycles() == cycles {
				runtime.GC()
				bench.Put("gc.asked_for", 1, "count")
			}
		}
	}
	w.took = float64(bench.Now()-began) / 1e9
	w.cpu = float64(bench.ProcessNs() - cpu)
	bench.Put("peak_rss", bench.PeakKB(), "kB")
	bench.Put("steady_rss", bench.RssKB(), "kB")
	bench.Figures()
	close(over)
}

func main() {
	if len(os.Args) < 5 {
		bench.Die("usage: server MB closed|paced SECONDS HISTOGRAM [THREADS]")
	}
	threads := int(bench.Num(5, 2))
	bytes := bench.Num(1, 256) * 1000000 / uint64(threads)
	ns := uint64(bench.Real(3, 1) * 1e9)
	hist := make([]bench.Hist, threads)
	fill := make([]uint64, threads)
	var w watched
	go watch(int32(threads), ns, &w)
	bench.Run(threads, func(id int) {
		var t bench.Table
		began := bench.Now()
		t.Fill(bytes, uint64(id))
		fill[id] = bench.Now() - began
		filled.Add(1)
		for !grown.Load() {
			t.Request()
		}
		ready.Add(1)
		for start.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		began = start.Load()
		if os.Args[2] == "paced" {
			paced(&t, &hist[id], began, began+ns)
		} else {
			closed(&t, &hist[id], began+ns)
		}
		served.Add(1)
		<-over
		t.Check()
	})
	var all bench.Hist
	slowest := uint64(0)
	for i := range hist {
		all.Merge(&hist[i])
		if fill[i] > slowest {
			slowest = fill[i]
		}
	}
	bench.Put("live", float64(bytes*uint64(threads))/1024, "kB")
	bench.Put("fill", float64(slowest)/1e9, "s")
	bench.Put("requests", float64(all.N)/w.took, "1/s")
	bench.Put("cpu_per_request", w.cpu/1e3/float64(all.N), "us")
	bench.Put("cpu_share", w.cpu/1e9/w.took/float64(runtime.NumCPU()), "share")
	all.Put("latency")
	all.Save(os.Args[4])
}
