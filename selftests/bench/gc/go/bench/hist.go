// SPDX-License-Identifier: MIT

package bench

import (
	"bufio"
	"fmt"
	"math/bits"
	"os"
)

const (
	histBits    = 6
	histSub     = 1 << histBits
	histBuckets = histSub * 36
)

// Hist is hist.h's histogram of times, ns.
type Hist struct {
	N, Max uint64
	count  [histBuckets]uint64
}

func bucket(ns uint64) int {
	if ns < histSub {
		return int(ns)
	}
	shift := 63 - histBits - bits.LeadingZeros64(ns)
	b := shift<<histBits + int(ns>>shift)
	if b < histBuckets {
		return b
	}
	return histBuckets - 1
}

func upper(b int) uint64 {
	if b < 2*histSub {
		return uint64(b)
	}
	shift := b>>histBits - 1
	return uint64(b&(histSub-1)+histSub+1)<<shift - 1
}

func (h *Hist) Add(ns uint64) {
	h.count[bucket(ns)]++
	h.N++
	if ns > h.Max {
		h.Max = ns
	}
}

func (h *Hist) Merge(from *Hist) {
	for i, n := range from.count {
		h.count[i] += n
	}
	h.N += from.N
	if from.Max > h.Max {
		h.Max = from.Max
	}
}

// At is the value that a share q of all does not exceed.
func (h *Hist) At(q float64) uint64 {
	want, seen := uint64(q*float64(h.N)), uint64(0)
	if h.N == 0 {
		return 0
	}
	for i, n := range h.count {
		seen += n
		if seen > want {
			if upper(i) < h.Max {
				return upper(i)
			}
			return h.Max
		}
	}
	return h.Max
}

// Save writes lines "upper_ns count" of the buckets that hold something.
func (h *Hist) Save(path string) {
	f, err := os.Create(path)
	if err != nil {
		Die("cannot write the histogram")
	}
	w := bufio.NewWriter(f)
	for i, n := range h.count {
		if n > 0 {
			fmt.Fprintf(w, "%d %d\n", upper(i), n)
		}
	}
	w.Flush()
	f.Close()
}

// Put prints its percentiles.
func (h *Hist) Put(name string) {
	points := []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"p9999", 0.9999}}
	for _, p := range points {
		Put(name+"."+p.name, float64(h.At(p.q))/1e3, "us")
	}
	Put(name+".max", float64(h.Max)/1e3, "us")
}
