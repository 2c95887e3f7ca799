// SPDX-License-Identifier: MIT

// How long a thread with a deep stack stands still; see deepstack.c.
package main

import (
	"bytes"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"lane/gcbench/bench"
)

const (
	frameRefs  = 112
	frameBytes = 1024
	noticeNs   = 2000
)

type node struct {
	a, b   *node
	number uint64
	pad    [5]uint64
}

var (
	live       *node
	stop, deep atomic.Bool
	gaps, raw  bench.Hist
)

func waitedNs(fd int, buf []byte) uint64 {
	n, _ := syscall.Pread(fd, buf, 0)
	if n <= 0 {
		return 0
	}
	words := bytes.Fields(buf[:n])
	v, _ := strconv.ParseUint(string(words[1]), 10, 64)
	return v
}

func lookAtClock() {
	buf := make([]byte, 128)
	fd, _ := syscall.Open("/proc/thread-self/schedstat", syscall.O_RDONLY, 0)
	waited, before := waitedNs(fd, buf), bench.Now()
	deep.Store(true)
	for !stop.Load() {
		now := bench.Now()
		if now-before > noticeNs {
			again, gap := waitedNs(fd, buf), now-before
			raw.Add(gap)
			if gap > again-waited {
				gaps.Add(gap - (again - waited))
			} else {
				gaps.Add(0)
			}
			waited = again
			now = bench.Now()
		}
		before = now
	}
	syscall.Close(fd)
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
	raw.Put("raw_gap")
}
