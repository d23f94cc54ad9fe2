// Package mongostore keeps values in MongoDB. Importing it registers the URL
// schemes "mongodb:" and "mongodb+srv:"; see [OpenURL] for what a URL takes.
//
// An entity is a collection, a value is a document in it:
//
//	{
//	  _id:       ObjectId,
//	  entityId:  "BTCUSDT",            // the id; the collection has a unique index on it
//	  data:      {side: "long", …},    // the value
//	  encoding:  "json",               // only where data is the value's JSON text, see below
//	  updatedAt: ISODate,              // of the last change, by the server's clock (after Load by ours)
//	  rev:       ObjectId,             // made anew by each change of ours
//	  lock:      ObjectId              // of the last batch that had a condition on it, if any
//	}
//
// These are the documents of backtest-kit's MongoDB adapters, {entityId, data,
// updatedAt}, with what revisions need. Documents that others have written are
// read, listed and changed under conditions like our own, and keep the fields
// that we do not know.
//
// data is a native value, so that MongoDB can query it, wherever BSON holds
// exactly the same value. Where it does not (a number that no int64 or double
// is, a member's name that is empty, stands there twice, contains "." or begins
// with "$", U+0000, half a surrogate pair, more levels than a document may have)
// data is the JSON text, and encoding says so.
//
// The revision is rev together with a hash of what is stored, so that a change
// by a hand that knows nothing of rev makes a new one too.
package mongostore

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/holdfast-go/holdfast/driver"
)

func init() {
	driver.Register("mongodb", OpenURL)
	driver.Register("mongodb+srv", OpenURL)
}

// The fields of a document.
const (
	fieldID       = "_id"
	fieldEntityID = "entityId"
	fieldData     = "data"
	fieldEncoding = "encoding"
	fieldUpdated  = "updatedAt"
	fieldRev      = "rev"
	fieldLock     = "lock"
)

// MaxData is the largest value in bytes of JSON: with its id and the rest of
// the document around it, it fits into the 16 MiB of a document as text.
const MaxData = 16<<20 - 8<<10

// Store is a database of MongoDB. It is safe for use by many goroutines, and
// by many processes where the server makes a change in one step (Properties
// tells).
type Store struct {
	client   *mongo.Client
	db       *mongo.Database
	log      *slog.Logger
	server   server
	limits   limits // of native values
	timeout  time.Duration
	location string // without secrets
	secrets  []string
	readOnly bool

	life  sync.RWMutex // read: a call is under way; written: Close
	ended context.Context
	end   context.CancelFunc // ends what waits without limit: watching
	shut  bool               // guarded by life

	// steps guards changes of one key on a server that makes them in two
	// steps, a reading and a writing; nil elsewhere.
	steps *stepLocks
}

// OpenURL opens "mongodb://user:password@host1,host2/database?replicaSet=rs0",
// or the same with mongodb+srv. The database is "holdfast" if none is named.
// Beside the options of the MongoDB driver (tls, tlsCAFile, maxPoolSize,
// replicaSet, authSource, …) it takes
//
//	durability=require   refuse a server on which acknowledged does not mean durable
//	mode=ro              for reading alone (default: rw)
//	timeoutMS=20000      how long a call may take whose context has no deadline
//
// An option that would weaken what is promised (w=1, journal=false,
// readPreference=secondary, readConcernLevel=local, timeoutMS=0) is refused, as
// is one that nobody knows.
func OpenURL(ctx context.Context, u *url.URL, d driver.OpenOptions) (driver.Store, error) {
	c, err := parseURL(u)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, c, d)
	if err != nil {
		return nil, err
	}
	if s.server.replicated && !s.server.twoSteps {
		return &watching{s}, nil
	}
	return s, nil
}

func open(ctx context.Context, c *config, d driver.OpenOptions) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{
		log: d.Logger, readOnly: c.readOnly || d.ReadOnly, timeout: c.timeout, location: c.location, secrets: c.secrets,
	}
	client, err := mongo.Connect(c.client)
	if err != nil {
		return nil, s.fault(err)
	}
	s.client, s.db = client, client.Database(c.database)
	s.ended, s.end = context.WithCancel(context.Background())
	err = s.ask(ctx)
	if err == nil {
		err = s.acceptable(c.durable)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	s.limits = s.server.limits()
	if s.server.twoSteps {
		s.steps = new(stepLocks)
	}
	for _, doubt := range s.server.doubts {
		s.log.Warn("acknowledged changes may not be durable", "server", s.location, "reason", doubt)
	}
	return s, nil
}

// Close implements io.Closer: it waits for the calls under way, each of which
// has its time limit.
func (s *Store) Close() error {
	s.end()
	s.life.Lock()
	defer s.life.Unlock()
	if s.shut {
		return nil
	}
	s.shut = true
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.fault(s.client.Disconnect(ctx))
}

// begin is what every call does first; the caller calls done when it is over.
func (s *Store) begin(ctx context.Context, invalid error) (done func(), err error) {
	s.life.RLock()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case invalid != nil:
		err = invalid
	case s.shut:
		err = driver.ErrClosed
	default:
		return s.life.RUnlock, nil
	}
	s.life.RUnlock()
	return nil, err
}

// beginWrite is begin for changes.
func (s *Store) beginWrite(ctx context.Context, invalid error) (done func(), err error) {
	if invalid == nil && s.readOnly {
		invalid = driver.ErrReadOnly
	}
	return s.begin(ctx, invalid)
}

// Init implements driver.Store: it creates the collection and its unique index.
func (s *Store) Init(ctx context.Context, entity string) error {
	name, err := s.collectionName(entity)
	done, err := s.begin(ctx, err)
	if err != nil {
		return err
	}
	defer done()
	if s.readOnly {
		return nil
	}
	return s.prepare(ctx, name)
}

// collection is that of an entity whose name is known to be good.
func (s *Store) collection(entity string) *mongo.Collection {
	return s.db.Collection(escapeName(entity))
}

// byID finds the document of an id.
func byID(id string) bson.D { return bson.D{{Key: fieldEntityID, Value: id}} }

// first returns the first of errs that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
