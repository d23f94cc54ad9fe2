package mongostore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
)

// server is what the store is kept on, as it says itself.
type server struct {
	kind       string // "replica set rs0", …, for people
	version    string
	replicated bool     // transactions, change streams, changes that may be repeated
	twoSteps   bool     // a change is a reading and a writing
	doubts     []string // why acknowledged may not mean durable
	readOnly   bool     // it takes no changes
}

// hello is what a server says when it is greeted.
type hello struct {
	SetName     string `bson:"setName"`
	Message     string `bson:"msg"`
	Primary     bool   `bson:"isWritablePrimary"`
	WireVersion int    `bson:"maxWireVersion"`
	ReadOnly    bool   `bson:"readOnly"`
}

// buildInfo is what it is built of.
type buildInfo struct {
	Version   string        `bson:"version"`
	Engines   []string      `bson:"storageEngines"`
	FerretDB1 string        `bson:"ferretdbVersion"`
	FerretDB2 bson.RawValue `bson:"ferretdb"`
}

// wireVersion42 is that of MongoDB 4.2, the first with transactions on sharded
// clusters as well.
const wireVersion42 = 8

// ask asks the server what it is, within the time until a server must be found.
func (s *Store) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var h hello
	var b buildInfo
	if err := s.command(ctx, "hello", &h); err != nil {
		return err
	}
	if err := s.command(ctx, "buildInfo", &b); err != nil {
		return err
	}
	s.server = serverOf(h, b)
	if ferret(b) {
		return nil
	}
	var status struct {
		Engine struct {
			Name       string `bson:"name"`
			Persistent bool   `bson:"persistent"`
		} `bson:"storageEngine"`
	}
	err := s.command(ctx, "serverStatus", &status)
	if err != nil && !hasCode(err, codeUnauthorized) {
		return err
	}
	s.server.judgeEngine(status.Engine.Name, status.Engine.Persistent, b.Engines)
	return nil
}

func (s *Store) command(ctx context.Context, name string, into any) error {
	return s.fault(s.client.Database("admin").RunCommand(ctx, bson.D{{Key: name, Value: 1}}).Decode(into))
}

func ferret(b buildInfo) bool { return b.FerretDB1 != "" || b.FerretDB2.Type != 0 }

// serverOf judges what a server says of itself.
func serverOf(h hello, b buildInfo) server {
	sv := server{version: b.Version, readOnly: !h.Primary || h.ReadOnly}
	switch {
	case b.FerretDB1 != "":
		sv.kind, sv.twoSteps = "FerretDB 1", true
	case ferret(b):
		sv.kind = "FerretDB"
	case h.Message == "isdbgrid":
		sv.kind, sv.replicated = "sharded cluster", h.WireVersion >= wireVersion42
	case h.SetName != "":
		sv.kind, sv.replicated = "replica set "+h.SetName, h.WireVersion >= wireVersion42
	default:
		sv.kind = "a MongoDB server that stands alone"
	}
	if ferret(b) {
		sv.doubts = append(sv.doubts, "FerretDB ignores write concerns, and does not say whether its database flushes")
	}
	return sv
}

// judgeEngine judges where a server keeps data. With journal: true a persistent
// engine answers after the journal is flushed, or refuses if it has none. The
// engine in memory answers at once.
func (sv *server) judgeEngine(name string, persistent bool, built []string) {
	switch {
	case strings.HasPrefix(sv.kind, "sharded"):
		return // its shards have engines, and journal: true is passed to them
	case name != "" && !persistent:
		sv.doubts = append(sv.doubts, "its storage engine "+name+" keeps nothing on disk")
	case name == "" && (len(built) == 0 || strings.Contains(strings.Join(built, " "), "inMemory")):
		sv.doubts = append(sv.doubts, "it may keep data in memory alone, and this user may not ask (serverStatus; the role clusterMonitor may)")
	}
}

// limits is what the server takes as native values.
func (sv *server) limits() limits {
	if sv.twoSteps { // it compares nested values in exponential time
		return limits{levels: 12}
	}
	return limits{levels: 90, nestedArrays: true}
}

// acceptable refuses a server that cannot do what is demanded.
func (s *Store) acceptable(durability bool) error {
	if s.server.readOnly && !s.readOnly {
		return fmt.Errorf("mongodb: %s takes no changes: connect to its primary (leave out directConnection), or open for reading alone", s.location)
	}
	if durability && len(s.server.doubts) > 0 {
		return fmt.Errorf("mongodb: durability=require: %s: %s", s.location, strings.Join(s.server.doubts, "; "))
	}
	return nil
}

// Properties implements driver.Describer.
func (s *Store) Properties() driver.Properties {
	p := driver.Properties{
		Backend: "mongodb", Location: s.location, Durable: len(s.server.doubts) == 0, Batch: driver.BatchKey,
		Shared: !s.server.twoSteps, ReadOnly: s.readOnly, MaxData: MaxData,
		Notes: []string{"on " + s.server.kind + ", version " + s.server.version},
	}
	if s.server.replicated {
		p.Batch = driver.BatchAny
		p.Notes = append(p.Notes, "a primary that was cut off from its set may answer reads with what was there before, for some seconds; conditions are judged by the present one (readConcernLevel=linearizable for reads, too)")
	} else {
		p.Notes = append(p.Notes, "no transactions and no change streams: a batch is of one value, and Watch is not to be had; a replica set has both")
	}
	if s.server.twoSteps {
		p.Notes = append(p.Notes, "a change is a reading and a writing at the server: it is safe beside others of this process, not of another one")
	}
	p.Notes = append(p.Notes, s.server.doubts...)
	return p
}

// Report implements driver.Recoverer: there is nothing to recover, but what the
// server does not promise.
func (s *Store) Report() driver.Report {
	r := driver.Report{Findings: []driver.Finding{}}
	for _, doubt := range s.server.doubts {
		r.Findings = append(r.Findings, driver.Finding{
			Path: s.location, Problem: driver.ProblemServer, Detail: doubt, Action: driver.ActionNone, Time: time.Now(),
		})
	}
	return r
}
