package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
)

// change is one line of import and export.
type change struct {
	key    driver.Key
	data   []byte // of a put
	delete bool   // removes instead
	line   int    // its number, from 1
	size   int    // its length in bytes
}

// exportLine writes a value as a line, line end included.
func exportLine(entity, id string, data []byte) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, part := range []struct{ before, name string }{{`{"entity":`, entity}, {`,"id":`, id}} {
		b.WriteString(part.before)
		if err := enc.Encode(part.name); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // the encoder's line end
	}
	b.WriteString(`,"data":`)
	if err := json.Compact(&b, data); err != nil {
		return nil, err
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// parseLine reads a line of import. It takes what could be meant in one way
// alone: a field that it doesn't know, or one that stands there twice, is an
// error, since whoever wrote it expects something that would not happen.
func parseLine(line []byte) (change, error) {
	if err := checkSyntax(line); err != nil {
		return change{}, err
	}
	fields, err := lineFields(line)
	if err != nil {
		return change{}, err
	}
	var c change
	for name, to := range map[string]*string{"entity": &c.key.Entity, "id": &c.key.ID} {
		raw, ok := fields[name]
		if !ok {
			return change{}, fmt.Errorf("%q is missing", name)
		}
		if *to, err = nameOf(raw); err != nil {
			return change{}, fmt.Errorf("%q %w", name, err)
		}
	}
	remove, hasDelete := fields["delete"]
	data, hasData := fields["data"]
	switch {
	case hasData == hasDelete:
		return change{}, errors.New(`it takes either "data" or "delete":true`)
	case hasDelete && string(remove) != "true":
		return change{}, errors.New(`"delete" takes nothing but true`)
	}
	c.data, c.delete = data, hasDelete
	return c, driver.ValidateKey(c.key)
}

func checkSyntax(line []byte) error {
	var raw json.RawMessage
	var syntax *json.SyntaxError
	err := json.Unmarshal(line, &raw)
	if err != nil && json.Valid(withoutData(line)) {
		err = nil
	}
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not JSON from byte %d of %d on", syntax.Offset, len(line))
	case err != nil:
		return errors.New("it is not JSON")
	case !utf8.Valid(line):
		return errors.New("it is not UTF-8")
	case bytes.TrimSpace(line)[0] != '{':
		return errors.New("it is not a JSON object")
	}
	return nil
}

// withoutData is the line with 0 in the place of its data, if that is sound. The
// line is one level deeper than its data, and so may be too deep where the data,
// as a value, is not.
func withoutData(line []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(line))
	if _, err := dec.Token(); err != nil {
		return line
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return line
		}
		if end := int(dec.InputOffset()); name == "data" {
			return slices.Concat(line[:end-len(value)], []byte("0"), line[end:])
		}
	}
	return line
}

// lineFields cuts a valid object into its fields, values as they stand.
func lineFields(line []byte) (map[string]json.RawMessage, error) {
	fields := make(map[string]json.RawMessage, 3)
	dec := json.NewDecoder(bytes.NewReader(line))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		switch name {
		case "entity", "id", "data", "delete":
		default:
			return nil, fmt.Errorf("unknown field %.40q", name)
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%q stands there twice", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	return fields, nil
}

// nameOf decodes a string. Half of a surrogate pair, which the decoder would
// replace, is refused: the value would go under another name than was written.
func nameOf(raw json.RawMessage) (string, error) {
	var name string
	if raw[0] != '"' || json.Unmarshal(raw, &name) != nil {
		return "", errors.New("is not a string")
	}
	const replacement = "\uFFFD"
	written := bytes.Count(raw, []byte(replacement)) + strings.Count(strings.ToLower(string(raw)), `\ufffd`)
	if strings.Count(name, replacement) > written {
		return "", errors.New("holds half of a surrogate pair")
	}
	return name, nil
}
