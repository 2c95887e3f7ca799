// SPDX-License-Identifier: MIT

// What reading the statistics costs; see statistics.c.
package main

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"lane/gcbench/bench"
)

const (
	threads = 2
	turns   = 5
)

type phase struct {
	reading bench.Hist
	request [threads]bench.Hist
	ns      uint64
}

var (
	filled, nowIn atomic.Int32
	phases        []phase
)

func work(id int, bytes uint64) {
	var t bench.Table
	t.Fill(bytes, uint64(id))
	filled.Add(1)
	before := bench.Now()
	for {
		in := nowIn.Load()
		if in < 0 {
			break
		}
		t.Request()
		now := bench.Now()
		phases[in].request[id].Add(now - before)
		before = now
	}
	t.Check()
}

func sleep(ns uint64) {
	ts := syscall.NsecToTimespec(int64(ns))
	syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

func readFor(p *phase, read func(), ns, interval uint64) {
	begin := bench.Now()
	for bench.Now()-begin < ns {
		sleep(interval)
		start := bench.Now()
		read()
		p.reading.Add(bench.Now() - start)
	}
	p.ns += bench.Now() - begin
}

func (p *phase) put(name string) {
	var requests bench.Hist
	for i := range p.request {
		requests.Merge(&p.request[i])
	}
	p.reading.Put(name + ".reading")
	requests.Put(name + ".request")
	bench.Put(name+".requests", float64(requests.N)/(float64(p.ns)/1e9), "1/s")
}

func main() {
	bytes := bench.Num(1, 256) * 1000000 / threads
	ns, interval := uint64(bench.Real(2, 5)*1e9)/turns, 1000000000/bench.Num(3, 1000)
	readers := bench.Readers()
	phases = make([]phase, len(readers)+1)
	bench.Run(threads+1, func(id int) {
		if id < threads {
			work(id, bytes)
			return
		}
		for filled.Load() < threads {
			sleep(1000000)
		}
		bench.Put("rss_filled", bench.RssKB(), "kB")
		bench.Window()
		for turn := 0; turn < turns; turn++ {
			nowIn.Store(0)
			readFor(&phases[0], func() {}, ns, interval)
			for i, r := range readers {
				nowIn.Store(int32(i + 1))
				readFor(&phases[i+1], r.Read, ns, interval)
			}
		}
		nowIn.Store(-1)
	})
	phases[0].put("none")
	for i, r := range readers {
		phases[i+1].put(r.Name)
	}
	bench.Put("live", float64(bytes*threads)/1024, "kB")
	bench.Put("peak_rss", bench.PeakKB(), "kB")
	bench.Figures()
}
