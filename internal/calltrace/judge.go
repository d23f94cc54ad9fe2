package calltrace

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Line is one line of an import that was traced.
type Line struct {
	Entity, ID string
	Delete     bool
	Data       string
}

// Run is an import that was traced, in one of the two modes. Of one value there
// is at most one line that puts it and one, after that, that deletes it.
type Run struct {
	Base    string // the store's directory
	Journal bool
	Lines   []Line // the first one is line 1
	Closed  bool   // it came to its end, so that nothing may be left unflushed
}

// own is the directory of what is the store's own.
const own = ".holdfast"

// judge is a run and its calls.
type judge struct {
	Run
	calls []*Call
	wrong []error
}

// Judge tells what is wrong with the order of the calls:
//
//   - a file is renamed before its bytes are flushed
//   - a change is acknowledged before the flush of its record, or of its file and
//     its directory, or after one that failed
//   - a record is written to a segment whose name is not durable
//   - a new directory is not flushed into its parent before what is below it is
//     acknowledged
//   - at the end, names are left that nobody has flushed
//
// acks is how many acknowledgements it has judged.
func Judge(calls []*Call, run Run) (acks int, err error) {
	j := &judge{Run: run, calls: calls}
	for _, c := range calls {
		switch {
		case c.Name == "write" && c.Fd == 1 && bytes.HasPrefix(c.Data, []byte("ACK ")):
			acks++
			j.acknowledged(c)
		case strings.HasPrefix(c.Name, "rename") && c.Err == "" && j.below(c.Path):
			j.renamed(c)
		}
		if j.Closed && c.Err == "" && j.lasting(c) {
			j.atTheEnd(c)
		}
	}
	return acks, errors.Join(j.wrong...)
}

func (j *judge) fail(c *Call, format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Errorf("%s: %s", c, fmt.Sprintf(format, args...)))
}

func (j *judge) below(name string) bool { return strings.HasPrefix(name, j.Base+"/") }

// renamed demands that the bytes were durable.
func (j *judge) renamed(c *Call) {
	last := j.last(c, func(o *Call) bool {
		return o.Path == c.From && (o.Name == "write" || o.Name == "pwrite64" || o.Name == "ftruncate" || o.Name == "utimensat")
	})
	if last != nil && !j.flushed(last, c, c.From) {
		j.fail(c, "its bytes are not flushed after %s", last)
	}
}

// acknowledged demands that the change of an acknowledgement is durable.
func (j *judge) acknowledged(ack *Call) {
	fields := strings.Fields(string(ack.Data))
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil || n < 1 || n > len(j.Lines) {
		j.fail(ack, "%q is of no line", ack.Data)
		return
	}
	line := j.Lines[n-1]
	if j.Journal {
		j.recorded(ack, line)
	} else {
		j.inPlace(ack, line)
	}
}

// recorded demands that the record of a line is durable.
func (j *judge) recorded(ack *Call, line Line) {
	record := j.last(ack, func(o *Call) bool {
		return o.Name == "pwrite64" && o.Err == "" && strings.HasSuffix(o.Path, ".seg") && holds(o.Data, line)
	})
	switch {
	case record == nil:
		j.fail(ack, "there is no record of %s", line.ID)
		return
	case !j.flushed(record, ack, record.Path):
		j.fail(ack, "its record is not flushed after %s", record)
	}
	named := j.last(record, func(o *Call) bool { return o.Path == record.Path && strings.HasPrefix(o.Name, "rename") && o.Err == "" })
	if named != nil && !j.flushed(named, record, path.Dir(record.Path)) {
		j.fail(ack, "its record is in a segment whose name is not flushed after %s", named)
	}
	j.directories(ack, path.Dir(record.Path))
}

// holds tells whether a write has the record of a line: the head of a change,
// with its kind, then entity, id and data.
func holds(data []byte, line Line) bool {
	text, kind := line.Entity+line.ID+line.Data, byte(1)
	if line.Delete {
		text, kind = line.Entity+line.ID, 2
	}
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(text))
		if i < 0 {
			return false
		}
		if at += i; at >= 20 && data[at-4] == kind {
			return true
		}
		at++
	}
}

// inPlace demands that a line's file is in place, or away, durably.
func (j *judge) inPlace(ack *Call, line Line) {
	name := path.Join(j.Base, line.Entity, line.ID+".json")
	change := j.last(ack, func(o *Call) bool {
		if line.Delete {
			return o.Path == name && o.Name == "unlinkat" && (o.Err == "" || o.Err == "ENOENT")
		}
		return o.Path == name && strings.HasPrefix(o.Name, "rename") && o.Err == ""
	})
	switch {
	case change == nil:
		j.fail(ack, "nobody has changed %s", name)
		return
	case !j.flushed(change, ack, path.Dir(name)):
		j.fail(ack, "the directory is not flushed after %s", change)
	}
	j.directories(ack, path.Dir(name))
}

// directories demands that a directory and those above it, where they are new,
// were flushed into their parents.
func (j *judge) directories(ack *Call, dir string) {
	for ; dir == j.Base || j.below(dir); dir = path.Dir(dir) {
		made := j.last(ack, func(o *Call) bool { return o.Path == dir && o.Name == "mkdirat" && o.Err == "" })
		if made != nil && !j.flushed(made, ack, path.Dir(dir)) {
			j.fail(ack, "the parent is not flushed after %s", made)
		}
	}
}

// lasting tells of a change of a name that is to last: not of temporary and
// spare files, which the next opening removes.
func (j *judge) lasting(c *Call) bool {
	if !j.below(c.Path) || strings.HasPrefix(path.Base(c.Path), ".tmp-") || strings.HasPrefix(c.Path, path.Join(j.Base, own, "spare")) {
		return false
	}
	return strings.HasPrefix(c.Name, "rename") || c.Name == "unlinkat" || c.Name == "mkdirat"
}

// atTheEnd demands that somebody has flushed a name after all.
func (j *judge) atTheEnd(c *Call) {
	end := &Call{Start: j.calls[len(j.calls)-1].End + 1}
	if !j.flushed(c, end, path.Dir(c.Path)) {
		j.fail(c, "nobody has flushed its directory at the end")
	}
}

// last returns the latest call of a kind that had ended when c began.
func (j *judge) last(c *Call, is func(*Call) bool) *Call {
	var found *Call
	for _, o := range j.calls {
		if o.before(c) && is(o) && (found == nil || found.End < o.End) {
			found = o
		}
	}
	return found
}

// flushed tells whether, between two calls, the first flush of a file or
// directory succeeded. After one that failed, another proves nothing.
func (j *judge) flushed(from, to *Call, name string) bool {
	for _, o := range j.calls { // in the order of their ends
		if !from.before(o) || !o.before(to) {
			continue
		}
		if o.Name == "syncfs" || (o.Name == "fsync" || o.Name == "fdatasync") && o.Path == name {
			return o.Err == ""
		}
	}
	return false
}

// Flushes returns the flushes among the calls, for a test that leaves some out.
func Flushes(calls []*Call) []*Call {
	var all []*Call
	for _, c := range calls {
		if c.Name == "fsync" || c.Name == "fdatasync" || c.Name == "syncfs" {
			all = append(all, c)
		}
	}
	return all
}
