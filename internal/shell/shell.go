// Package shell writes commands for people to paste into a shell.
package shell

import (
	"fmt"
	"strings"
	"unicode"
)

// Command is a command of holdfast with its arguments, whatever they hold: it stands
// on one line. "--" ends the flags where an argument looks like one.
func Command(name string, args ...string) string {
	words := []string{"holdfast", name}
	ended := false
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && !ended {
			words, ended = append(words, "--"), true
		}
		words = append(words, word(arg))
	}
	return strings.Join(words, " ")
}

// word quotes an argument if a shell would not take it as it stands. What
// does not print is spelled out in the form that bash and zsh share, since on
// the one line of an error it would not arrive as it is.
func word(arg string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case arg != "" && strings.IndexFunc(arg, notPlain) < 0:
		return arg
	case strings.IndexFunc(arg, odd) < 0:
		return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	var b strings.Builder
	for _, r := range arg {
		switch {
		case r == '\\' || r == '\'':
			b.WriteRune('\\')
			b.WriteRune(r)
		case odd(r):
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteRune(r)
		}
	}
	return "$'" + b.String() + "'"
}

// notPlain tells of a character whether it means, or might mean, something to a
// shell.
func notPlain(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("_./:@%+=,-", r)
}
