package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is one place in which two JSON values differ.
type difference struct {
	Path string          `json:"path"` // JSON Pointer (RFC 6901)
	Op   string          `json:"op"`   // as in JSON Patch (RFC 6902): add, remove or replace
	Old  json.RawMessage `json:"old,omitempty"`
	New  json.RawMessage `json:"new,omitempty"`

	shown string // the path as jq writes it
}

// line is the difference for people.
func (d difference) line() string {
	switch d.Op {
	case "add":
		return oneLine("+ " + d.shown + ": " + string(d.New))
	case "remove":
		return oneLine("- " + d.shown + ": " + string(d.Old))
	}
	return oneLine(d.shown + ": " + string(d.Old) + " → " + string(d.New))
}

// diffJSON compares two values member by member and, in arrays, index by
// index. Numbers are compared as they are written, since 1.0 and 1.00 are
// different prices to some. No data stands for no value.
func diffJSON(old, new []byte) ([]difference, error) {
	found := differ{list: []difference{}}
	switch {
	case old == nil && new == nil:
		return found.list, nil
	case old == nil:
		found.add(place{}, "add", nil, json.RawMessage(new))
		return found.list, nil
	case new == nil:
		found.add(place{}, "remove", json.RawMessage(old), nil)
		return found.list, nil
	}
	a, err := decode(old)
	if err != nil {
		return nil, err
	}
	b, err := decode(new)
	if err != nil {
		return nil, err
	}
	found.compare(place{}, a, b)
	return found.list, nil
}

func decode(data []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// place is a path within a value, in both of its notations.
type place struct{ pointer, shown string }

var (
	plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	pointers = strings.NewReplacer("~", "~0", "/", "~1")
)

func (p place) member(key string) place {
	shown := "[" + string(encode(key)) + "]"
	if plainKey.MatchString(key) {
		shown = "." + key
	}
	return place{p.pointer + "/" + pointers.Replace(key), p.shown + shown}
}

func (p place) index(i int) place {
	n := strconv.Itoa(i)
	return place{p.pointer + "/" + n, p.shown + "[" + n + "]"}
}

// differ collects differences.
type differ struct{ list []difference }

func (d *differ) add(p place, op string, old, new any) {
	if !strings.HasPrefix(p.shown, ".") {
		p.shown = "." + p.shown
	}
	found := difference{Path: p.pointer, Op: op, shown: p.shown}
	if op != "add" {
		found.Old = encode(old)
	}
	if op != "remove" {
		found.New = encode(new)
	}
	d.list = append(d.list, found)
}

func (d *differ) compare(p place, old, new any) {
	switch a := old.(type) {
	case map[string]any:
		if b, ok := new.(map[string]any); ok {
			d.objects(p, a, b)
			return
		}
	case []any:
		if b, ok := new.([]any); ok {
			d.arrays(p, a, b)
			return
		}
	default:
		switch new.(type) {
		case map[string]any, []any: // cannot be compared, and are not equal
		default:
			if old == new {
				return
			}
		}
	}
	d.add(p, "replace", old, new)
}

func (d *differ) objects(p place, old, new map[string]any) {
	keys := map[string]bool{}
	for key := range old {
		keys[key] = true
	}
	for key := range new {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		a, was := old[key]
		b, is := new[key]
		switch {
		case !was:
			d.add(p.member(key), "add", nil, b)
		case !is:
			d.add(p.member(key), "remove", a, nil)
		default:
			d.compare(p.member(key), a, b)
		}
	}
}

func (d *differ) arrays(p place, old, new []any) {
	for i := range max(len(old), len(new)) {
		switch {
		case i >= len(old):
			d.add(p.index(i), "add", nil, new[i])
		case i >= len(new):
			d.add(p.index(i), "remove", old[i], nil)
		default:
			d.compare(p.index(i), old[i], new[i])
		}
	}
}

// encode writes a value on one line, numbers as they were written.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("holdfast: JSON that was decoded cannot be encoded: " + err.Error()) // cannot be
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
