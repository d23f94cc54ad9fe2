package mongostore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/holdfast-go/holdfast/driver"
)

// encodingJSON marks data that is the JSON text.
const encodingJSON = "json"

// document is one as the server has it. A field that it lacks is of type 0.
type document struct {
	size                                   int
	id, entityID                           bson.RawValue
	data, encoding, updated, rev, lockedBy bson.RawValue
	unsound                                bool // not BSON at all
}

// state is the fields that a value consists of, whoever writes it.
func (d *document) state() []field {
	return []field{{fieldData, d.data}, {fieldEncoding, d.encoding}, {fieldUpdated, d.updated}, {fieldRev, d.rev}}
}

type field struct {
	name  string
	value bson.RawValue
}

func parse(raw bson.Raw) document {
	d := document{size: len(raw)}
	if raw.Validate() != nil {
		d.unsound = true
		return d
	}
	elements, _ := raw.Elements() // of sound BSON there is no error
	for _, e := range elements {
		switch v := e.Value(); e.Key() {
		case fieldID:
			d.id = v
		case fieldEntityID:
			d.entityID = v
		case fieldData:
			d.data = v
		case fieldEncoding:
			d.encoding = v
		case fieldUpdated:
			d.updated = v
		case fieldRev:
			d.rev = v
		case fieldLock:
			d.lockedBy = v
		}
	}
	return d
}

// revision is rev, the token of our last change, and a hash of what is stored:
// a hand that does not know rev leaves it and changes the rest. _id is part of
// it, so that what was removed and made again by such a hand has another one.
func (d *document) revision() string {
	h := sha256.New()
	write := func(v bson.RawValue) {
		fmt.Fprintf(h, "%d,%d,", v.Type, len(v.Value))
		h.Write(v.Value)
	}
	write(d.id)
	for _, f := range d.state() {
		write(f.value)
	}
	token := "0"
	if id, ok := d.rev.ObjectIDOK(); ok {
		token = id.Hex()
	}
	return token + "-" + hex.EncodeToString(h.Sum(nil)[:12])
}

// isFrom tells whether the change that made the token is the last of ours.
func (d *document) isFrom(token bson.ObjectID) bool {
	id, ok := d.rev.ObjectIDOK()
	return ok && id == token
}

// json is the value, or what makes it unreadable.
func (d *document) json() ([]byte, error) {
	switch {
	case d.unsound:
		return nil, errors.New("the document is not sound BSON")
	case d.data.Type == 0:
		return nil, errors.New("the document has no data")
	case d.encoding.Type == 0:
		return appendJSON(make([]byte, 0, len(d.data.Value)), d.data)
	}
	if e, ok := d.encoding.StringValueOK(); !ok || e != encodingJSON {
		return nil, fmt.Errorf("its encoding is not %q, the one that is known", encodingJSON)
	}
	text, ok := d.data.StringValueOK()
	if !ok {
		return nil, errors.New("data is no text, though encoding says so")
	}
	data := []byte(text)
	if err := driver.ValidateData(data); err != nil {
		return nil, fmt.Errorf("the text in data: %w", err)
	}
	return data, nil
}

// modTime is updatedAt as another hand may have written it, else when the
// document was made.
func (d *document) modTime() time.Time {
	if t, ok := d.updated.TimeOK(); ok {
		return t.UTC()
	}
	if ms, ok := d.updated.AsInt64OK(); ok {
		return time.UnixMilli(ms).UTC()
	}
	if s, ok := d.updated.StringValueOK(); ok {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t.UTC()
		}
	}
	if id, ok := d.id.ObjectIDOK(); ok {
		return id.Timestamp().UTC()
	}
	return time.Time{}
}

// record is the document as a value, ErrDamaged if it cannot be read.
func (s *Store) record(k driver.Key, d *document) (driver.Record, error) {
	data, err := d.json()
	if err != nil {
		return driver.Record{}, &driver.DamagedError{Path: s.path(k), Reason: err.Error()}
	}
	return driver.Record{Key: k, Data: data, Rev: d.revision(), ModTime: d.modTime()}, nil
}

// path is where a value lies, for people.
func (s *Store) path(k driver.Key) string {
	return fmt.Sprintf("%s.%s entityId %q", s.db.Name(), escapeName(k.Entity), k.ID)
}

// find reads the document of a key: nil if there is none.
func (s *Store) find(ctx context.Context, k driver.Key) (*document, error) {
	raw, err := s.collection(k.Entity).FindOne(ctx, byID(k.ID)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	if err != nil {
		return nil, s.fault(err)
	}
	d := parse(slices.Clone(raw))
	return &d, nil
}

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	done, err := s.begin(ctx, s.checkKey(k))
	if err != nil {
		return driver.Record{}, err
	}
	defer done()
	d, err := s.find(ctx, k)
	if err == nil && d == nil {
		err = driver.ErrNotFound
	}
	if err != nil {
		return driver.Record{}, err
	}
	return s.record(k, d)
}

// Has implements driver.Store. It reads the value, since one that cannot be
// read must not pass for one that is there: countDocuments could not tell.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	done, err := s.begin(ctx, s.checkKey(k))
	if err != nil {
		return false, err
	}
	defer done()
	d, err := s.find(ctx, k)
	if d == nil || err != nil {
		return false, err
	}
	_, err = s.record(k, d)
	return err == nil, err
}
