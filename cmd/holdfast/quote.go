package main

import (
	"strconv"
	"strings"
	"unicode"
)

// quote writes a name as a string of Go if it would otherwise not stand as one
// word on one line: if it holds white space, quotes or characters that don't
// print. A name that stands bare is meant as it stands.
func quote(name string) string {
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("\"'`", r)
	}
	if name == "" || strings.IndexFunc(name, odd) >= 0 {
		return strconv.Quote(name)
	}
	return name
}
