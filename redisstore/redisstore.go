// Package redisstore keeps values in Redis: each under the key entity:id, as
// the plain JSON that was put, so that other programs read it with GET and
// write it with SET. Importing it registers the URL schemes redis:, rediss:
// (TLS) and redis+unix: (a socket of this machine).
//
// # What is promised
//
// A change is atomic always, and durable if the server flushes before it
// answers: appendonly yes, appendfsync always, no-appendfsync-on-rewrite no,
// and no policy under which values are evicted. Opening a store asks the server
// for that. What is amiss stands in Properties and in the Report, and with
// durability=require such a server is refused.
//
// A change whose answer is lost is not guessed at: see lane. It is found out
// whether it was made, and it is made once. Where that cannot be found out in
// time, the error is driver.ErrUnknown.
//
// # Keys
//
// With the prefix of the URL's parameter of that name before each of them:
//
//	signal/strategy-a:BTCUSDT        a value; ":" in an entity is written %3A,
//	                                 and "%3A" and "%25" there %253A and %2525
//	:rev:signal/strategy-a:BTCUSDT   its revision, when and by which write it was
//	                                 made, and a digest of the data
//	:lane:NAME                       the last change of one connection, for a week
//	:log                             a stream of the last changes, for Watch
//
// No value has a key that begins with a colon, since entities are not empty.
// Whatever else lies in the database under a key with a colon in it looks like a
// value: give Holdfast a database or a prefix of its own.
//
// A value that another program has set has no revision beside it, or one with
// another digest; its revision is made of the digest of its data. So a change by
// another program is a change of the revision. Only if it puts back the very
// data that was there before is the former revision back, too.
//
// Redis Cluster is refused: a batch may hold keys of several slots.
package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

func init() {
	for _, scheme := range []string{"redis", "rediss", "redis+unix"} {
		driver.Register(scheme, func(ctx context.Context, u *url.URL, o driver.OpenOptions) (driver.Store, error) {
			s, err := Open(ctx, u, o)
			if err != nil {
				return nil, err // not a nil *Store, which is no nil driver.Store
			}
			return s, nil
		})
	}
}

// Store is a store in Redis. It implements all of package driver but
// driver.Historian and driver.Flusher.
type Store struct {
	cfg      config
	log      *slog.Logger
	readOnly bool
	promise  promise
	opened   time.Time

	keys    naming
	reads   *gate
	changes *gate
	author  string        // of revisions: begins all that this store makes
	seq     atomic.Uint64 // of revisions

	life context.Context // ends when Close begins
	end  context.CancelCauseFunc
}

// Open opens the store that a URL names. The server must answer.
func Open(ctx context.Context, u *url.URL, o driver.OpenOptions) (*Store, error) {
	cfg, err := parse(u)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, log: o.Logger, readOnly: o.ReadOnly, keys: naming{cfg.prefix}, author: randomName(), opened: time.Now()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.life, s.end = context.WithCancelCause(context.Background())
	s.reads = newGate(s.life, cfg, cfg.readers, "")
	s.changes = newGate(s.life, cfg, cfg.writers, s.keys.lanes())
	if err := s.greet(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// greet asks the server what it promises, and refuses what cannot be used.
func (s *Store) greet(ctx context.Context) error {
	p, err := s.ask(ctx)
	if err != nil {
		return err
	}
	s.promise = p
	if err := p.usable(s.cfg); err != nil {
		return err
	}
	for _, w := range p.weaknesses() {
		s.log.Warn("the server promises less than durability", "store", s.cfg.location(), "why", w)
	}
	return nil
}

// Close ends the use of the store: it waits for changes that are under way,
// lets no other one begin, and ends all watching.
func (s *Store) Close() error {
	s.end(driver.ErrClosed)
	s.reads.close()
	s.changes.close()
	return nil
}

// Init implements driver.Store: there is nothing to prepare.
func (s *Store) Init(ctx context.Context, entity string) error {
	return first(ctx.Err(), driver.ValidateEntity(entity), s.open())
}

func (s *Store) open() error { return context.Cause(s.life) }

// writable refuses changes of a store that was opened for reading alone.
func (s *Store) writable() error {
	if s.readOnly {
		return driver.ErrReadOnly
	}
	return s.open()
}

// newRev makes a revision that no other change has, of this or another store.
func (s *Store) newRev() string {
	return s.author + "." + strconv.FormatUint(s.seq.Add(1), 36)
}

// randomName is 80 random bits as 16 letters and digits.
func randomName() string {
	var b [10]byte
	rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// first returns the first of errs that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
