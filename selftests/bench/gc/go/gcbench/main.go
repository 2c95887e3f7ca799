// SPDX-License-Identifier: MIT

// GCBench; see gcbench.c.
package main

import "lane/gcbench/bench"

const minDepth = 4

type node struct {
	left, right *node
	i, j        uint32
}

var made float64

func treeSize(depth uint) uint64 {
	return 2<<depth - 1
}

func populate(depth uint, n *node) {
	if depth == 0 {
		return
	}
	n.left = &node{}
	n.right = &node{}
	populate(depth-1, n.left)
	populate(depth-1, n.right)
}

func assemble(depth uint) *node {
	if depth == 0 {
		return &node{}
	}
	left := assemble(depth - 1)
	return &node{left: left, right: assemble(depth - 1)}
}

func (n *node) count() uint64 {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

//go:noinline
func drop(n *node, depth uint) {
	made += float64(treeSize(depth))
}

func bothWays(depth uint, times uint64) {
	for i := uint64(0); i < times; i++ {
		n := &node{}
		populate(depth, n)
		drop(n, depth)
	}
	for i := uint64(0); i < times; i++ {
		drop(assemble(depth), depth)
	}
}

func main() {
	depth := uint(bench.Num(1, 16))
	n := uint64(500000) << depth >> 16
	start := bench.Now()
	drop(assemble(depth+2), depth+2)
	tree := &node{}
	populate(depth, tree)
	array := make([]float64, n)
	for i := uint64(1); i < n/2; i++ {
		array[i] = 1.0 / float64(i)
	}
	for d := uint(minDepth); d <= depth; d += 2 {
		bothWays(d, 2*treeSize(depth+2)/treeSize(d))
	}
	if tree.count() != treeSize(depth) || array[n/4] != 1.0/float64(n/4) {
		bench.Die("gcbench: what stays has changed")
	}
	bench.PutResult(bench.Now()-start, made)
	bench.Put("live", float64(treeSize(depth+2)*24)/1024, "kB")
	bench.Figures()
}
