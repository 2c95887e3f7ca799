// SPDX-License-Identifier: MIT

// Binary trees; see trees.c.
package main

import "lane/gcbench/bench"

const minDepth = 4

type node struct {
	left, right *node
}

func grow(depth uint) *node {
	if depth == 0 {
		return &node{}
	}
	left := grow(depth - 1)
	return &node{left, grow(depth - 1)}
}

func (n *node) count() uint64 {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func check(n *node, depth uint) {
	if n.count() != 2<<depth-1 {
		bench.Die("trees: a node is missing")
	}
}

func main() {
	depth, threads := uint(bench.Num(1, 16)), uint64(bench.Num(2, 1))
	start := bench.Now()
	check(grow(depth+1), depth+1)
	stays := grow(depth)
	bench.Run(int(threads), func(id int) {
		for d := uint(minDepth); d <= depth; d += 2 {
			for i := uint64(id); i < 1<<(depth-d+minDepth); i += threads {
				check(grow(d), d)
			}
		}
	})
	check(stays, depth)
	nodes := 0.0
	for d := uint(minDepth); d <= depth; d += 2 {
		nodes += float64(uint64(1)<<(depth-d+minDepth)) * float64(uint64(2)<<d-1)
	}
	bench.PutResult(bench.Now()-start, nodes)
	bench.Put("live", float64(uint64(4)<<depth)*16/1024, "kB")
	bench.Figures()
}
