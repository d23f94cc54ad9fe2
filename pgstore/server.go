package pgstore

import (
	"fmt"

	"github.com/holdfast-go/holdfast/driver"
)

// server is what a server promises.
type server struct {
	version    int // 150018 is 15.18
	encoding   string
	standby    bool
	readOnly   bool
	fsync      bool
	fullPages  bool
	syncCommit string
}

// oldest is the first version with pg_current_xact_id and gen_random_uuid.
const oldest = 130000

// usable refuses a server that cannot hold a store.
func (s *server) usable() error {
	switch {
	case s.version < oldest:
		return fmt.Errorf("PostgreSQL %d is too old: version 13 is the first that will do", s.version/10000)
	case s.encoding != "UTF8":
		return fmt.Errorf("the database has the encoding %s: create one with ENCODING 'UTF8'", s.encoding)
	}
	return nil
}

// doubts says why an acknowledged change may not survive a crash, in words for
// people.
func (s *server) doubts(unlogged bool) []string {
	var doubts []string
	if !s.fsync {
		doubts = append(doubts, "fsync is off: a crash of the machine can lose changes and damage the database")
	}
	if !s.fullPages {
		doubts = append(doubts, "full_page_writes is off: a crash of the machine can damage the database")
	}
	if unlogged {
		doubts = append(doubts, "the table is UNLOGGED: a crash of the server empties it")
	}
	if s.syncCommit != "on" && s.syncCommit != "remote_apply" {
		doubts = append(doubts, "synchronous_commit is "+s.syncCommit+": a crash of the server can lose changes")
	}
	return doubts
}

// survey is what is known of the server and of the table when the store is
// opened.
type survey struct {
	server
	unlogged bool
}

// findings tells of the doubts, as a report does.
func (v *survey) findings(table string) []driver.Finding {
	var findings []driver.Finding
	for _, d := range v.doubts(v.unlogged) {
		findings = append(findings, driver.Finding{Path: table, Problem: driver.ProblemServer, Detail: d, Action: driver.ActionNone})
	}
	return findings
}
