package redisstore

import (
	"bufio"
	"bytes"

	"github.com/holdfast-go/holdfast/driver"
)

// ApplySource is the script under which changes are made on conditions.
var ApplySource = applySource

// ApplyWords are the keys and arguments with which it makes ops under conds, for
// whoever runs it without the store.
func (s *Store) ApplyWords(marker string, conds []driver.Cond, ops []driver.Op) (keys []string, args []any) {
	x := s.newScript(conds, ops).script
	args = append(args, 1, len(x.conds))
	for _, c := range x.conds {
		args = append(args, c.at+3, c.rev)
	}
	args = append(args, len(x.puts))
	for _, p := range x.puts {
		args = append(args, p.key, p.data, p.mark, p.markText)
	}
	for _, p := range x.puts {
		args = append(args, p.suffix, p.rev)
	}
	return append([]string{marker, s.keys.log()}, x.keys...), append(args, 0)
}

// Writing tells how many changes wait for a connection, and whether one is free.
func (s *Store) Writing() (queued int, idle bool) {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	return len(s.changes.queue), len(s.changes.idle) > 0
}

// ReadAnswer reads one answer of a server, and ReadPair one to MGET of two keys.
func ReadAnswer(data []byte) (any, error) {
	return replies{bufio.NewReaderSize(bytes.NewReader(data), 64)}.next()
}

func ReadPair(data []byte) (one, two []byte, err error) {
	return replies{bufio.NewReaderSize(bytes.NewReader(data), 64)}.pair()
}
