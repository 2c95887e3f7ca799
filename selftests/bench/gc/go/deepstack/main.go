// SPDX-License-Identifier: MIT

// How long a thread with a deep stack stands still; see deepstack.c.
package main

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"lane/gcbench/bench"
)

const (
	frameRefs    = 112
	frameBytes   = 1024
	noticeNs     = 2000
	rusageThread = 1
)

type node struct {
	a, b   *node
	number uint64
	pad    [5]uint64
}

var (
	live            *node
	stop, deep      atomic.Bool
	gaps, preempted bench.Hist
)

func switches() int64 {
	var ru syscall.Rusage
	syscall.Getrusage(rusageThread, &ru)
	return ru.Nivcsw
}

func lookAtClock() {
	before, taken := bench.Now(), switches()
	deep.Store(true)
	for !stop.Load() {
		now := bench.Now()
		if now-before > noticeNs {
			again := switches()
			if again == taken {
				gaps.Add(now - before)
			} else {
				preempted.Add(now - before)
			}
			taken = again
			now = bench.Now()
		}
		before = now
	}
}

//go:noinline
func down(frames uint64) uint64 {
	var refs [frameRefs]*node
	sum := uint64(0)
	for i := range refs {
		if refs[i] = live; i%16 == 0 {
			refs[i] = &node{}
		}
		refs[i].number = 1
	}
	if frames > 0 {
		sum = down(frames - 1)
	} else {
		lookAtClock()
	}
	for i := range refs {
		sum += refs[i].number
	}
	return sum
}

func main() {
	seconds, frames := bench.Real(1, 5), bench.Num(2, 64)<<10/frameBytes
	for i := bench.Num(3, 1000000); i > 0; i-- {
		live = &node{a: live, number: 1}
	}
	ended := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if down(frames) != (frames+1)*frameRefs {
			bench.Die("deepstack: a reference was lost")
		}
		close(ended)
	}()
	for !deep.Load() {
		time.Sleep(time.Millisecond)
	}
	bench.Window()
	for begin := bench.Now(); float64(bench.Now()-begin) < seconds*1e9; {
		runtime.GC()
	}
	bench.Figures()
	stop.Store(true)
	<-ended
	gaps.Put("gap")
	bench.Put("gap.count", float64(gaps.N), "count")
	preempted.Put("preempted")
	bench.Put("preempted.count", float64(preempted.N), "count")
}
