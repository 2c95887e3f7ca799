// SPDX-License-Identifier: MIT

// What a store of a reference and the making of an object cost; see barrier.c.
package main

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"lane/gcbench/bench"
)

const (
	slots  = 1024
	batch  = 1000000
	rounds = 5
)

type small struct {
	a, b *small
}

type medium struct {
	a, b    *medium
	numbers [6]uint64
}

var (
	live      *medium
	smallOut  *small
	mediumOut *medium
	wordOut   *uint64
	bytesOut  *[64]byte
)

func plain(object *[slots]uintptr, values [2]uintptr, n uint64) {
	start := bench.ThreadNs()
	for i := uint64(0); i < n; i++ {
		object[i%slots] = values[i/slots%2]
	}
	bench.Put("store.plain", float64(bench.ThreadNs()-start)/float64(n), "ns")
}

func stores(name string, object *[slots]*small, values [2]*small, n uint64) {
	start := bench.ThreadNs()
	for i := uint64(0); i < n; i++ {
		object[i%slots] = values[i/slots%2]
	}
	bench.Put(name, float64(bench.ThreadNs()-start)/float64(n), "ns")
}

func allStores(n, nrLive uint64) {
	object, numbers := new([slots]*small), new([slots]uintptr)
	values := [2]*small{{}, {}}
	runtime.GC()
	plain(numbers, [2]uintptr{1, 2}, n)
	stores("store.heap", object, values, n)
	for i := uint64(0); i < nrLive; i++ {
		live = &medium{a: live}
	}
	var stop atomic.Bool
	ended := make(chan struct{})
	go func() {
		for !stop.Load() {
			runtime.GC()
		}
		close(ended)
	}()
	time.Sleep(20 * time.Millisecond)
	stores("store.collecting", object, values, n)
	stop.Store(true)
	<-ended
	live = nil
	runtime.KeepAlive(object)
	runtime.KeepAlive(numbers)
}

func objects(name string, made func()) {
	ns := []float64{}
	for i := 0; i <= rounds; i++ {
		start := bench.ThreadNs()
		made()
		if i > 0 {
			ns = append(ns, float64(bench.ThreadNs()-start)/batch)
		}
		runtime.GC()
	}
	bench.Put(name, bench.Median(ns), "ns")
}

func main() {
	runtime.LockOSThread()
	allStores(bench.Num(1, 200)*1000000, bench.Num(2, 1000000))
	debug.SetGCPercent(-1)
	objects("make.16_refs", func() {
		for i := 0; i < batch; i++ {
			smallOut = new(small)
		}
	})
	objects("make.64_refs", func() {
		for i := 0; i < batch; i++ {
			mediumOut = new(medium)
		}
	})
	objects("make.8_bytes", func() {
		for i := 0; i < batch; i++ {
			wordOut = new(uint64)
		}
	})
	objects("make.64_bytes", func() {
		for i := 0; i < batch; i++ {
			bytesOut = new([64]byte)
		}
	})
	bench.Put("peak_rss", bench.PeakKB(), "kB")
}
