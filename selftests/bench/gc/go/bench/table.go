// SPDX-License-Identifier: MIT

package bench

import "unsafe"

// Sizes as in table.h, object by object.
const (
	entryBytes  = 64 + 2*32 + 264 + 8
	lookups     = 3
	replaced    = 2
	temporaries = 6
)

type link struct {
	next    *link
	payload *uint64
	numbers [2]uint64
}

type entry struct {
	next                      *entry
	first, second             *link
	payload                   *uint64
	key, size, version, spare uint64
}

// Table is table.h's.
type Table struct {
	buckets []*entry
	n, mask uint32
	rng     Rng
	Seen    uint64
}

func (t *Table) hash(key uint32) uint32 {
	return uint32((uint64(key)*0x9e3779b97f4a7c15)>>32) & t.mask
}

func words(size, value uint64) *uint64 {
	w := make([]uint64, size/8)
	for i := 0; i < len(w); i += 8 {
		w[i] = value
	}
	return &w[0]
}

func last(payload *uint64, size uint64) *uint64 {
	return &unsafe.Slice(payload, size/8)[size/8-1]
}

func newLink(next *link, payload *uint64, number uint64) *link {
	return &link{next: next, payload: payload, numbers: [2]uint64{number, 0}}
}

func (t *Table) newEntry(key uint32, version uint64) *entry {
	size := 32 + 8*uint64(t.rng.Below(59))
	payload := words(size, uint64(key))
	*last(payload, size) = ^uint64(key)
	e := &entry{payload: payload, key: uint64(key), size: size, version: version}
	e.second = newLink(nil, payload, version)
	e.first = newLink(e.second, payload, version)
	return e
}

func check(e *entry, key uint32) {
	payload := e.first.next.payload
	if e.key != uint64(key) || payload != e.payload || *payload != uint64(key) ||
		*last(payload, e.size) != ^uint64(key) || e.first.numbers[0] != e.version {
		Die("server: an entry has changed")
	}
}

func (t *Table) find(key uint32) **entry {
	slot := &t.buckets[t.hash(key)]
	for *slot != nil && (*slot).key != uint64(key) {
		slot = &(*slot).next
	}
	if *slot == nil {
		Die("server: an entry is missing")
	}
	return slot
}

// Fill makes a table of so many bytes.
func (t *Table) Fill(bytes, seed uint64) {
	t.rng.Seed(seed)
	t.n = uint32(bytes / entryBytes)
	buckets := uint32(1)
	for buckets < t.n {
		buckets *= 2
	}
	t.mask = buckets - 1
	t.buckets = make([]*entry, buckets)
	for key := uint32(0); key < t.n; key++ {
		slot := &t.buckets[t.hash(key)]
		e := t.newEntry(key, 0)
		e.next = *slot
		*slot = e
	}
}

func (t *Table) replace(key uint32) {
	slot := t.find(key)
	old := *slot
	e := t.newEntry(key, old.version+1)
	e.next = old.next
	*slot = e
}

func (t *Table) temporaries() {
	var list *link
	for i := uint64(0); i < temporaries; i++ {
		size := 16 + 8*uint64(t.rng.Below(15))
		list = newLink(list, words(size, i), size)
	}
	for ; list != nil; list = list.next {
		t.Seen += *list.payload + list.numbers[0]
	}
}

// Request is one request.
func (t *Table) Request() {
	for i := 0; i < lookups; i++ {
		key := t.rng.Below(t.n)
		check(*t.find(key), key)
	}
	for i := 0; i < replaced; i++ {
		t.replace(t.rng.Below(t.n))
	}
	t.temporaries()
}

// Check looks at all entries.
func (t *Table) Check() {
	for key := uint32(0); key < t.n; key++ {
		check(*t.find(key), key)
	}
}
