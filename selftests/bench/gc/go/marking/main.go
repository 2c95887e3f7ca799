// SPDX-License-Identifier: MIT

// What a live object costs a collection; see marking.c.
package main

import (
	"math/bits"
	"os"
	"runtime"

	"lane/gcbench/bench"
)

type node struct {
	a, b   *node
	number uint64
	pad    [5]uint64
}

var ordered []*node // the shape of that name

func build(n uint64, shape string) *node {
	var r bench.Rng
	r.Seed(1)
	nodes := make([]*node, n)
	for i := range nodes {
		nodes[i] = &node{number: uint64(i)}
	}
	if shape == "ordered" {
		ordered = nodes
		return nil
	}
	for i := n - 1; i > 0; i-- {
		j := r.Below(uint32(i + 1))
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	for i, node := range nodes {
		left := 2*uint64(i) + 1
		if shape == "graph" {
			node.a = nodes[(uint64(i)+1)%n]
			node.b = nodes[r.Below(uint32(n))]
			continue
		}
		if left < n {
			node.a = nodes[left]
		}
		if left+1 < n {
			node.b = nodes[left+1]
		}
	}
	return nodes[0]
}

func check(root *node, n uint64, shape string) {
	at := root
	if shape == "ordered" {
		for i, node := range ordered {
			if node.number != uint64(i) {
				bench.Die("marking: a node has changed")
			}
		}
		return
	}
	if shape == "tree" {
		depth := 0
		for ; at.a != nil; at = at.a {
			depth++
		}
		if depth != 63-bits.LeadingZeros64(n) {
			bench.Die("marking: the tree has changed")
		}
		return
	}
	for i := uint64(0); i < n; i++ {
		at = at.a
	}
	if at != root {
		bench.Die("marking: the ring has changed")
	}
}

func main() {
	n, shape, times := bench.Num(1, 1000000), "graph", bench.Num(3, 5)
	if len(os.Args) > 2 {
		shape = os.Args[2]
	}
	if shape != "tree" && shape != "graph" && shape != "ordered" {
		bench.Die("marking: tree, graph or ordered")
	}
	began := bench.Now()
	root := build(n, shape)
	bench.Put("built", float64(bench.Now()-began)/float64(n), "ns")
	runtime.GC()
	bench.Window()
	wall, cpu := []float64{}, []float64{}
	for i := uint64(0); i < times; i++ {
		start, startCPU := bench.Now(), bench.ProcessNs()
		runtime.GC()
		wall = append(wall, float64(bench.Now()-start)/float64(n))
		cpu = append(cpu, float64(bench.ProcessNs()-startCPU)/float64(n))
	}
	bench.Put("wall_per_object", bench.Median(wall), "ns")
	bench.Put("wall_least", bench.Least(wall), "ns")
	bench.Put("cpu_per_object", bench.Median(cpu), "ns")
	bench.Put("cpu_least", bench.Least(cpu), "ns")
	bench.Put("live", float64(n*64)/1024, "kB")
	bench.Put("peak_rss", bench.PeakKB(), "kB")
	bench.Figures()
	check(root, n, shape)
}
