package driver

import (
	"context"
	"time"
)

// Problem is what was wrong with a value or a file of the store.
type Problem string

// The problems that backends report.
const (
	ProblemEmpty      Problem = "empty"        // a file without a byte
	ProblemInvalid    Problem = "invalid-json" // not one JSON value in UTF-8
	ProblemNotRegular Problem = "not-a-file"   // a directory, symbolic link or device in the place of a value
	ProblemTooLarge   Problem = "too-large"    // above the backend's limit
	ProblemDuplicate  Problem = "duplicate"    // a second file for an id that has one
	ProblemStaleTemp  Problem = "stale-temp"   // left behind by a writer that died
	ProblemMisplaced  Problem = "misplaced"    // a link, a name or a directory that may hide values
	ProblemKept       Problem = "quarantined"  // moved to quarantine earlier and not yet resolved
	ProblemEdited     Problem = "edited"       // valid, but not what the store wrote: changed by another hand
	ProblemMissing    Problem = "missing"      // gone, though it was never removed through the store
	ProblemChecksum   Problem = "checksum"     // valid, but not what was written, and no hand has touched it: bit rot
	ProblemJournal    Problem = "journal"      // a damaged stretch of the journal or of its snapshot
	ProblemServer     Problem = "server"       // the database promises less than durability, or it is not known what it promises
)

// Action is what was done about a problem.
type Action string

// The actions that backends report.
const (
	ActionNone       Action = "none"        // reported only
	ActionQuarantine Action = "quarantined" // moved to quarantine, with what was wrong and when
	ActionDelete     Action = "deleted"     // deleted, as the chosen policy says
	ActionSweep      Action = "swept"       // a temporary file removed
	ActionResolve    Action = "resolved"    // a good value is in place again
	ActionRefuse     Action = "refused"     // the store does not open before it is put right
	ActionAdopt      Action = "adopted"     // taken over as a change of the value
	ActionRestore    Action = "restored"    // the last acknowledged value is in place again
)

// Finding is one problem and what was done about it, or would be.
type Finding struct {
	Entity  string    `json:"entity,omitempty"`
	ID      string    `json:"id,omitempty"`
	Path    string    `json:"path"`
	Problem Problem   `json:"problem"`
	Detail  string    `json:"detail,omitempty"`
	Action  Action    `json:"action"`
	Planned bool      `json:"planned"`        // not done: what opening for writing would do
	Kept    string    `json:"kept,omitempty"` // where damaged bytes lie now
	Time    time.Time `json:"time,omitzero"`  // when it was found
}

// Damage tells whether the finding is a value that cannot be read, or a place
// that may hide some, as against a leftover that harms nobody, a value that has
// been put right or deleted, and what a server does not promise.
func (f Finding) Damage() bool {
	switch {
	case f.Problem == ProblemStaleTemp, f.Action == ActionAdopt, f.Problem == ProblemMissing, f.Problem == ProblemServer:
		return false
	case f.Planned:
		return true
	}
	return f.Action != ActionResolve && f.Action != ActionDelete && f.Action != ActionRestore
}

// Report is what a recovery or a check found and did.
type Report struct {
	Entities int       `json:"entities"` // looked at
	Values   int       `json:"values"`   // looked at, damaged ones included
	Findings []Finding `json:"findings"`

	// History tells how far back history reaches; nil if the backend keeps
	// none.
	History *Retention `json:"history,omitempty"`
}

// Damaged counts the findings that are damage.
func (r Report) Damaged() int {
	n := 0
	for _, f := range r.Findings {
		if f.Damage() {
			n++
		}
	}
	return n
}

// Recoverer tells what opening the store found and did.
type Recoverer interface{ Report() Report }

// Checker verifies every value that is stored, and changes nothing.
type Checker interface {
	// Check reads everything and reports what is wrong and what opening for
	// writing would do about it. progress, if not nil, is called now and then
	// with the number of values read so far.
	Check(ctx context.Context, progress func(values int)) (Report, error)
}
