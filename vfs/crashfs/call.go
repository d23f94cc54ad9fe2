package crashfs

import (
	"fmt"
	"io/fs"
)

// Op is what a recorded call did. Calls that only read are not recorded: a crash
// after them leaves what a crash before them does.
type Op string

// The calls.
const (
	OpCreate   Op = "Create" // an OpenFile that made a new file
	OpMkdir    Op = "Mkdir"
	OpRename   Op = "Rename"
	OpExchange Op = "Exchange"
	OpRemove   Op = "Remove"
	OpWrite    Op = "Write" // WriteAt, too
	OpTruncate Op = "Truncate"
	OpChmod    Op = "Chmod"
	OpChtimes  Op = "Chtimes"
	OpSync     Op = "Sync"
	OpDatasync Op = "Datasync"
	OpSyncDir  Op = "SyncDir"
	OpSyncAll  Op = "SyncAll"
	opMark     Op = "mark" // of [Disk.Mark]
)

// Call is one recorded call: what it was, and all that it takes to do it again.
type Call struct {
	Op     Op
	Name   string // a file as it was opened; the old name of a Rename
	To     string // the new name of a Rename, the other one of an Exchange
	Off    int64  // of a Write
	Size   int64  // bytes of a Write, the new size of a Truncate
	Failed bool   // a sync that did not happen, see [Options.Fault]

	ino, other uint64 // the file or directory; the other one of an Exchange
	dir, toDir uint64 // where the names are
	base       string
	toBase     string
	data       bytesOf
	perm       fs.FileMode
	mtime      int64 // of a Chtimes, unix ns
	now        int64 // when it was made, unix ns
	mark       any
}

// String is a line for people.
func (c Call) String() string {
	s := fmt.Sprintf("%s %s", c.Op, c.Name)
	switch c.Op {
	case OpRename, OpExchange:
		s += " " + c.To
	case OpWrite:
		s += fmt.Sprintf(" at %d, %d bytes", c.Off, c.Size)
	case OpTruncate:
		s += fmt.Sprintf(" to %d", c.Size)
	case opMark:
		s = fmt.Sprintf("(%v)", c.mark)
	}
	if c.Failed {
		s += ", which fails"
	}
	return s
}

// isSync tells of calls that make something durable.
func (o Op) isSync() bool {
	return o == OpSync || o == OpDatasync || o == OpSyncDir || o == OpSyncAll
}
