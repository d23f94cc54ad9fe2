package redisstore

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// What is called often goes over a lane's connection in the words of the
// protocol, and past the client: reading one value takes a server and a socket of
// this machine some ten microseconds, of which the client's pool, its queue of
// commands and what it keeps of each answer would be half. The client connects,
// greets and does all the rest.
//
// A command is an array of bulk strings; an answer is one of
//
//	+text     -ERROR text     :number     $length data     *length answers
//
// each part ended by CR LF; a length of -1 is nothing.

// Limits of what is believed of a server.
const (
	maxBulk   = 512 << 20 // what Redis itself holds to be the most
	maxArray  = 1 << 20
	maxNested = 4
)

// message is commands in the making.
type message []byte

// command begins one of n words.
func (m message) command(n int) message {
	m = append(m, '*')
	return append(strconv.AppendInt(m, int64(n), 10), '\r', '\n')
}

func (m message) head(n int) message {
	m = append(m, '$')
	return append(strconv.AppendInt(m, int64(n), 10), '\r', '\n')
}

func (m message) word(s string) message {
	return append(append(m.head(len(s)), s...), '\r', '\n')
}

func (m message) data(b []byte) message {
	return append(append(m.head(len(b)), b...), '\r', '\n')
}

func (m message) number(n int) message { return m.word(strconv.Itoa(n)) }

// all is a command of these words alone.
func (m message) all(words ...string) message {
	m = m.command(len(words))
	for _, w := range words {
		m = m.word(w)
	}
	return m
}

// answerError is an error that a server has answered.
type answerError string

func (e answerError) Error() string { return string(e) }

// RedisError makes it one of the client's errors.
func (answerError) RedisError() {}

// replies reads answers.
type replies struct{ *bufio.Reader }

// errGarbled is what is not of the protocol. What follows on such a connection
// means nothing any more.
var errGarbled = errors.New("the answer is not one of Redis")

// line reads one that begins an answer: its kind, and the rest up to CR LF, which
// is good until the next one is read.
func (r replies) line() (kind byte, rest []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		err = fmt.Errorf("%w: a line of more than %d bytes", errGarbled, r.Size())
	}
	if err != nil {
		return 0, nil, err
	}
	rest, ended := bytes.CutSuffix(line[1:], []byte("\r\n"))
	if !ended {
		return 0, nil, errGarbled
	}
	return line[0], rest, nil
}

// length reads a number of bytes or answers; -1 is nothing.
func length(digits []byte, most int) (int, error) {
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("%w: a length of %q", errGarbled, digits)
	}
	return n, nil
}

// bulk reads data of n bytes.
func (r replies) bulk(n int) ([]byte, error) {
	data := make([]byte, n+2)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	if data[n] != '\r' || data[n+1] != '\n' {
		return nil, errGarbled
	}
	return data[:n:n], nil
}

// next reads an answer: a string, an int64, an answerError, a []any or nil.
func (r replies) next() (any, error) { return r.nested(0) }

func (r replies) nested(depth int) (any, error) {
	kind, rest, err := r.line()
	if err != nil {
		return nil, err
	}
	switch kind {
	case '+':
		return status(rest), nil
	case '-':
		return answerError(rest), nil
	case ':':
		n, err := strconv.ParseInt(string(rest), 10, 64)
		if err != nil {
			return nil, errGarbled
		}
		return n, nil
	case '$':
		n, err := length(rest, maxBulk)
		if err != nil || n < 0 {
			return nil, err
		}
		data, err := r.bulk(n)
		return string(data), err
	case '*':
		return r.array(rest, depth)
	}
	return nil, errGarbled
}

// status spares what is answered all the time.
func status(text []byte) string {
	switch string(text) {
	case "OK":
		return "OK"
	case "QUEUED":
		return "QUEUED"
	}
	return string(text)
}

func (r replies) array(digits []byte, depth int) (any, error) {
	n, err := length(digits, maxArray)
	if err != nil || n < 0 {
		return nil, err
	}
	if depth == maxNested {
		return nil, errGarbled
	}
	all := make([]any, 0, min(n, 1024)) // the rest when it has come
	for range n {
		one, err := r.nested(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// pair reads the answer to MGET of two keys: nil for what is no string.
func (r replies) pair() (one, two []byte, err error) {
	kind, rest, err := r.line()
	switch {
	case err != nil:
		return nil, nil, err
	case kind == '-':
		return nil, nil, answerError(rest)
	case kind != '*' || string(rest) != "2":
		return nil, nil, errGarbled
	}
	if one, err = r.maybe(); err == nil {
		two, err = r.maybe()
	}
	return one, two, err
}

// maybe reads data, or nil for nothing.
func (r replies) maybe() ([]byte, error) {
	kind, rest, err := r.line()
	if err != nil {
		return nil, err
	}
	if kind != '$' {
		return nil, errGarbled
	}
	n, err := length(rest, maxBulk)
	if err != nil || n < 0 {
		return nil, err
	}
	return r.bulk(n)
}
