// SPDX-License-Identifier: MIT

package bench

import (
	"runtime"
	"runtime/metrics"
)

func gcCycles() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Reader is a facility that tells statistics.
type Reader struct {
	Name string
	Read func()
}

// Readers are Go's: the one that stops the world, and all of runtime/metrics.
func Readers() []Reader {
	var st runtime.MemStats
	all := []metrics.Sample{}
	for _, d := range metrics.All() {
		all = append(all, metrics.Sample{Name: d.Name})
	}
	return []Reader{
		{"ReadMemStats", func() { runtime.ReadMemStats(&st) }},
		{"runtime_metrics", func() { metrics.Read(all) }},
	}
}
