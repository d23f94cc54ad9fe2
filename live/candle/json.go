package candle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// jsonLines reads newline-delimited JSON.
type jsonLines struct{ in *input }

func (j *jsonLines) next() (Candle, error) {
	line, err := j.in.readText()
	if err != nil {
		return Candle{}, err
	}
	c, _, err := jsonCandle(trim(line))
	if err != nil {
		return Candle{}, badRow(err)
	}
	return c, nil
}

// jsonCandle reads a row from the JSON text s, which is not empty and has no
// white space around it. With an error it tells the line of s, counted from 0,
// that the error is on.
func jsonCandle(s []byte) (c Candle, line int, err error) {
	if !json.Valid(s) {
		line, err = jsonFault(s)
		return Candle{}, line, err
	}
	var r row
	switch s[0] {
	case '[':
		err = r.fromArray(s)
	case '{':
		err = r.fromObject(s)
	default:
		err = fmt.Errorf("%s is neither a JSON array nor an object", shown(s))
	}
	if err == nil {
		c, err = r.candle()
	}
	return c, 0, err
}

// jsonFault tells what keeps s from being JSON, and on which of its lines.
func jsonFault(s []byte) (line int, err error) {
	var any json.RawMessage
	err = json.Unmarshal(s, &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		// The offset is that of the byte after the one at fault.
		before := min(max(int(syntax.Offset)-1, 0), len(s))
		line = bytes.Count(s[:before], []byte("\n"))
	}
	return line, fmt.Errorf("broken JSON: %w", err)
}

// fromArray takes the row's text from s, a valid JSON array.
func (r *row) fromArray(s []byte) error {
	n := 0
	for i := skipSpace(s, 1); s[i] != ']'; n++ {
		end := valueEnd(s, i)
		if n < len(r) {
			r[n] = valueText(s[i:end])
		}
		if i = skipSpace(s, end); s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
	if n < int(requiredCount) {
		return fmt.Errorf("the row has %d values: it needs time, open, high, low, close and may have volume", n)
	}
	return nil
}

// fromObject takes the row's text from s, a valid JSON object.
func (r *row) fromObject(s []byte) error {
	var p picker
	for i := skipSpace(s, 1); s[i] != '}'; {
		end := valueEnd(s, i)
		name := valueText(s[i:end])
		i = skipSpace(s, skipSpace(s, end)+1) // Past the colon.
		end = valueEnd(s, i)
		col, take, err := p.offer(name)
		if err != nil {
			return fmt.Errorf("the row has %w", err)
		}
		if take {
			r[col] = valueText(s[i:end])
		}
		if i = skipSpace(s, end); s[i] == ',' {
			i = skipSpace(s, i+1)
		}
	}
	return nil
}

// skipSpace returns the position of the first byte of s from i on that is not
// white space. There is one: s is a valid array or object, and i is in it.
func skipSpace(s []byte, i int) int {
	for isBlank(s[i]) || s[i] == '\n' {
		i++
	}
	return i
}

// valueEnd returns where the value that begins at i ends.
func valueEnd(s []byte, i int) int {
	var n nesting
	for {
		if n.take(s[i]); n.depth == 0 && !n.quoted {
			break
		}
		i++
	}
	if b := s[i]; b == '"' || b == ']' || b == '}' {
		return i + 1
	}
	for strings.IndexByte(",]} \t\r\n", s[i]) < 0 {
		i++
	}
	return i
}

// nesting follows a JSON text byte by byte.
type nesting struct {
	depth   int  // Arrays and objects that are open.
	quoted  bool // Inside a string,
	escaped bool // and after a backslash.
}

func (n *nesting) take(b byte) {
	switch {
	case n.escaped:
		n.escaped = false
	case n.quoted:
		n.escaped = b == '\\'
		n.quoted = b != '"'
	case b == '"':
		n.quoted = true
	case b == '[' || b == '{':
		n.depth++
	case b == ']' || b == '}':
		n.depth--
	}
}

// valueText returns the text of a valid JSON value: what a string contains,
// nothing for null, and else the value as it is written.
func valueText(s []byte) []byte {
	switch {
	case string(s) == "null":
		return nil
	case s[0] != '"':
		return s
	case bytes.IndexByte(s, '\\') < 0:
		return s[1 : len(s)-1]
	}
	var text string
	if json.Unmarshal(s, &text) != nil {
		return nil // Cannot be, as s is valid; if it were, the value would be missing.
	}
	return []byte(text)
}
