package natural

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// Sort sorts ids in the order of Compare. It makes each key once, and is the
// function to use for more than a few ids. While it runs it takes twice the
// bytes of the ids, and 40 more for each.
func Sort(ids []string) {
	keys := makeKeys(ids)
	if keys.sorted() {
		return // backends list in the order of bytes, which mostly is this one
	}
	entries := keys.entries()
	slices.SortFunc(entries, func(x, y entry) int {
		if x.head != y.head {
			return cmp.Compare(x.head, y.head)
		}
		return keys.compare(int(x.index), int(y.index))
	})
	sorted := make([]string, len(ids))
	for i, e := range entries {
		sorted[i] = ids[e.index]
	}
	copy(ids, sorted)
}

// keyList is the keys of ids, one behind the other.
type keyList struct {
	ids  []string
	keys []byte
	ends []int // ids[i] has the key from ends[i] to ends[i+1]
}

func makeKeys(ids []string) keyList {
	size := 0
	for _, id := range ids {
		size += 2*len(id) + 4
	}
	l := keyList{ids: ids, keys: make([]byte, 0, size), ends: make([]int, 1, len(ids)+1)}
	for _, id := range ids {
		l.keys = appendKey(l.keys, id)
		l.ends = append(l.ends, len(l.keys))
	}
	return l
}

func (l *keyList) key(i int) []byte { return l.keys[l.ends[i]:l.ends[i+1]] }

// compare compares two ids as Compare does.
func (l *keyList) compare(i, j int) int {
	if order := bytes.Compare(l.key(i), l.key(j)); order != 0 {
		return order
	}
	return strings.Compare(l.ids[i], l.ids[j])
}

func (l *keyList) sorted() bool {
	for i := 1; i < len(l.ids); i++ {
		if l.compare(i-1, i) > 0 {
			return false
		}
	}
	return true
}

// entry stands for an id while they are sorted. Few comparisons need more than
// the head.
type entry struct {
	head  uint64 // the first bytes of the key behind those that all keys share
	index int    // of the id
}

func (l *keyList) entries() []entry {
	shared := l.shared()
	entries := make([]entry, len(l.ids))
	for i := range entries {
		// A key that ends within the head is filled up with zeros: it is never
		// above a longer one that way, and if it is equal the whole keys tell.
		var head [8]byte
		copy(head[:], l.key(i)[shared:])
		entries[i] = entry{binary.BigEndian.Uint64(head[:]), i}
	}
	return entries
}

// shared is how many bytes all keys start with. Symbols of an exchange and
// numbered ids share much, and what is shared would fill the heads.
func (l *keyList) shared() int {
	first := l.key(0)
	n := len(first)
	for i := 1; i < len(l.ids) && n > 0; i++ {
		key := l.key(i)
		n = min(n, len(key))
		for j := range n {
			if key[j] != first[j] {
				n = j
				break
			}
		}
	}
	return n
}
