// Package calltrace reads what strace has seen of a process, and judges the order
// of its system calls: whether what was acknowledged had been flushed by then.
//
// The trace is that of "strace -f -y -s LARGE -o FILE", with the calls of
// [Calls]. Threads run side by side, so each call has a beginning and an end in
// the trace; one came before another if it had ended when the other began.
package calltrace

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Calls are the system calls that the judge needs, for strace -e trace=….
const Calls = "write,pwrite64,ftruncate,utimensat,fsync,fdatasync,syncfs,rename,renameat,renameat2,unlinkat,mkdirat"

// Call is one system call.
type Call struct {
	Name  string
	Path  string // of the file or directory that it is about; the new name of a rename
	From  string // the old name of a rename
	Data  []byte // of a write
	Fd    int    // of a write; else -1
	Start int    // line of the trace at which it began
	End   int    // line at which it had returned
	Err   string // "" if it succeeded, else such as "EIO"
}

// String is the call as people write it.
func (c *Call) String() string {
	what := c.Path
	if c.From != "" {
		what = c.From + " to " + c.Path
	}
	if c.Err != "" {
		what += ": " + c.Err
	}
	return fmt.Sprintf("%s %s (line %d)", c.Name, what, c.End+1)
}

// before tells that the call had ended when the other one began.
func (c *Call) before(o *Call) bool { return c.End < o.Start }

var (
	begun   = regexp.MustCompile(`^(\d+) +([a-z0-9_]+)\((.*)$`)
	resumed = regexp.MustCompile(`^(\d+) +<\.\.\. ([a-z0-9_]+) resumed>(.*)$`)
	ended   = regexp.MustCompile(`\) += (-?\d+|\?)(?: (E[A-Z0-9]+))?[^"]*$`)
	file    = regexp.MustCompile(`^(\d+|AT_FDCWD)(?:<([^>]*)>)?(?:\(deleted\))?`)
)

const unfinished = " <unfinished ...>"

// Parse reads a trace. Calls that never returned are left out.
func Parse(trace string) ([]*Call, error) {
	var calls []*Call
	open := map[string]*Call{}  // by thread
	args := map[string]string{} // of those
	for n, line := range strings.Split(trace, "\n") {
		if m := resumed.FindStringSubmatch(line); m != nil {
			c := open[m[1]]
			if c == nil || c.Name != m[2] {
				return nil, fmt.Errorf("line %d: %s is resumed, and was not begun", n+1, m[2])
			}
			delete(open, m[1])
			c.End = n
			if c.finish(args[m[1]] + m[3]) {
				calls = append(calls, c)
			}
			continue
		}
		m := begun.FindStringSubmatch(line)
		if m == nil {
			continue // a signal, or the end of a thread
		}
		c := &Call{Name: m[2], Start: n, End: n, Fd: -1}
		if rest, ok := strings.CutSuffix(m[3], unfinished); ok {
			open[m[1]], args[m[1]] = c, rest
			continue
		}
		if c.finish(m[3]) {
			calls = append(calls, c)
		}
	}
	return calls, nil
}

// finish fills in what the text of a call says; false if it did not return.
func (c *Call) finish(text string) bool {
	m := ended.FindStringSubmatchIndex(text)
	if m == nil || text[m[2]:m[3]] == "?" {
		return false
	}
	if m[4] >= 0 {
		c.Err = text[m[4]:m[5]]
	}
	in := text[:m[0]]
	fd, dir, in := takeFile(in)
	switch c.Name {
	case "write", "pwrite64":
		c.Path, c.Fd = dir, fd
		c.Data, _ = takeString(in)
	case "mkdirat", "unlinkat", "utimensat":
		name, _ := takeString(in)
		c.Path = join(dir, string(name))
	case "rename", "renameat", "renameat2":
		from, in := takeString(in)
		_, to, in := takeFile(in)
		name, _ := takeString(in)
		c.From, c.Path = join(dir, string(from)), join(to, string(name))
	default:
		c.Path = dir
	}
	return true
}

func join(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// takeFile reads a descriptor and what strace says it is.
func takeFile(in string) (fd int, name, rest string) {
	in = strings.TrimLeft(in, ", ")
	m := file.FindStringSubmatch(in)
	if m == nil {
		return -1, "", in
	}
	fd, err := strconv.Atoi(m[1])
	if err != nil {
		fd = -1
	}
	return fd, m[2], in[len(m[0]):]
}

// takeString reads a quoted string, with the escapes of C.
func takeString(in string) (data []byte, rest string) {
	in = strings.TrimLeft(in, ", ")
	if !strings.HasPrefix(in, `"`) {
		return nil, in
	}
	for i := 1; i < len(in); i++ {
		switch in[i] {
		case '"':
			return data, in[i+1:]
		case '\\':
			i++
			b, n := escape(in[i:])
			data = append(data, b)
			i += n - 1
		default:
			data = append(data, in[i])
		}
	}
	return data, ""
}

// escape reads what follows a backslash.
func escape(in string) (b byte, n int) {
	for n < 3 && n < len(in) && in[n] >= '0' && in[n] <= '7' {
		b = b*8 + in[n] - '0'
		n++
	}
	if n > 0 || in == "" {
		return b, max(n, 1)
	}
	if i := strings.IndexByte("tnvfr", in[0]); i >= 0 {
		return "\t\n\v\f\r"[i], 1
	}
	return in[0], 1
}
