package fakeset

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// begin returns the transaction of the command: nil for one that stands alone.
func (f *Set) begin(c *command, session string, inTx bool) (*transaction, error) {
	if !inTx {
		return nil, nil
	}
	if begins, _ := c.body.Lookup("startTransaction").BooleanOK(); begins {
		begun := &transaction{version: f.version, saw: maps.Clone(f.docs), wrote: map[spot]bson.Raw{}}
		begun.limit = time.AfterFunc(f.lifetime, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.abort(begun)
		})
		f.txs[session] = begun
	}
	tx := f.txs[session]
	if tx == nil || tx.ended != "" {
		return nil, &refusal{251, "TransientTransactionError", "no such transaction"}
	}
	return tx, nil
}

// endTx commits or gives up. A commit that is repeated is answered again.
func (f *Set) endTx(c *command, session string) error {
	tx := f.txs[session]
	switch {
	case tx == nil || tx.ended == "aborted":
		return &refusal{251, "TransientTransactionError", "no such transaction"}
	case tx.ended == "committed":
		f.repeats++
		return nil
	case c.name == "commitTransaction":
		tx.ended = "committed"
		f.version++
		for at, d := range tx.wrote {
			f.at[at] = f.version
			if d == nil {
				delete(f.docs, at)
			} else {
				f.docs[at] = d
			}
		}
		f.events = append(f.events, tx.order...)
		f.release(tx)
	default:
		f.abort(tx)
	}
	return nil
}

// abort gives a transaction up, unless it has ended.
func (f *Set) abort(tx *transaction) {
	if tx.ended == "" {
		tx.ended = "aborted"
		f.release(tx)
	}
}

// release lets others have what a transaction has locked.
func (f *Set) release(tx *transaction) {
	tx.limit.Stop()
	for at, owner := range f.locks {
		if owner == tx {
			delete(f.locks, at)
		}
	}
	f.changed.Broadcast()
}

// get is a document as the command sees it.
func (f *Set) get(tx *transaction, at spot) bson.Raw {
	if tx == nil {
		return f.docs[at]
	}
	if d, ok := tx.wrote[at]; ok {
		return d
	}
	return tx.saw[at]
}

// set changes a document: at once, or with the transaction, if no other one has
// changed it or is about to.
func (f *Set) set(tx *transaction, at spot, d bson.Raw, e event) error {
	if tx == nil {
		f.version++
		f.at[at] = f.version
		f.docs[at] = d
		if d == nil {
			delete(f.docs, at)
		}
		f.events = append(f.events, e)
		f.changed.Broadcast()
		return nil
	}
	if owner := f.locks[at]; owner != nil && owner != tx || f.at[at] > tx.version {
		return writeConflict
	}
	f.locks[at] = tx
	tx.wrote[at] = d
	if e.operation != "" {
		tx.order = append(tx.order, e)
	}
	return nil
}

// await lets a change outside a transaction wait for one that is under way, as
// the server does.
func (f *Set) await(tx *transaction, at spot) {
	for tx == nil && f.locks[at] != nil && !f.closed {
		f.changed.Wait()
	}
}

// all lists the places of a collection, by id.
func (f *Set) all(tx *transaction, ns string) []spot {
	seen := map[spot]bool{}
	for at := range f.docs {
		seen[at] = tx == nil
	}
	if tx != nil {
		for at := range tx.saw {
			seen[at] = true
		}
		for at := range tx.wrote {
			seen[at] = true
		}
	}
	var places []spot
	for at, visible := range seen {
		if visible && at.ns == ns && f.get(tx, at) != nil {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, func(a, b spot) int { return strings.Compare(a.id, b.id) })
	return places
}

// matches knows the conditions that the store uses.
func matches(d, filter bson.Raw) bool {
	conditions, _ := filter.Elements()
	for _, condition := range conditions {
		have, want := d.Lookup(condition.Key()), condition.Value()
		operator := ""
		if doc, ok := want.DocumentOK(); ok {
			if first, err := doc.IndexErr(0); err == nil && strings.HasPrefix(first.Key(), "$") {
				operator, want = first.Key(), first.Value()
			}
		}
		ok := false
		switch operator {
		case "", "$eq":
			ok = have.Type == want.Type && bytes.Equal(have.Value, want.Value)
		case "$exists":
			ok = (have.Type != 0) == want.Boolean()
		case "$in":
			list, _ := want.Array().Values()
			ok = slices.ContainsFunc(list, func(v bson.RawValue) bool { return have.Equal(v) })
		case "$type":
			ok = have.Type == bson.TypeNull
		case "$gte", "$gt":
			s, isText := have.StringValueOK()
			ok = isText && (s > want.StringValue() || operator == "$gte" && s == want.StringValue())
		default:
			panic("the fake knows no " + operator)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (f *Set) find(c *command, tx *transaction) (bson.D, error) {
	limit, _ := c.body.Lookup("limit").AsInt64OK()
	batch := bson.A{}
	for _, at := range f.all(tx, c.ns()) {
		d := f.get(tx, at)
		if filter, ok := c.body.Lookup("filter").DocumentOK(); ok && !matches(d, filter) {
			continue
		}
		batch = append(batch, d)
		if limit > 0 && len(batch) == int(limit) {
			break
		}
	}
	return cursorOf(0, c.ns(), "firstBatch", batch), nil
}

func (f *Set) update(c *command, tx *transaction) (bson.D, error) {
	u := c.list[0]
	filter, change := u.Lookup("q").Document(), u.Lookup("u").Document()
	id, _ := filter.Lookup("entityId").StringValueOK()
	at := spot{c.ns(), id}
	f.await(tx, at)
	before := f.get(tx, at)
	if before != nil && matches(before, filter) {
		e := event{at, before.Lookup("_id"), "update"}
		if _, err := change.LookupErr("$set", "lock"); err == nil {
			e.operation = "" // the pipeline of the store leaves it out
		}
		err := f.set(tx, at, changed(before, change), e)
		return bson.D{eq("n", 1), eq("nModified", 1)}, err
	}
	if upsert, _ := u.Lookup("upsert").BooleanOK(); !upsert {
		return bson.D{eq("n", 0), eq("nModified", 0)}, nil
	}
	oid := bson.NewObjectID()
	fresh := raw(bson.D{eq("_id", oid), eq("entityId", id)})
	if err := f.create(tx, at, changed(fresh, change), "insert"); err != nil {
		if strings.HasPrefix(err.Error(), "E11000") && tx == nil {
			return bson.D{eq("n", 0), eq("writeErrors", bson.A{bson.D{eq("index", 0), eq("code", 11000), eq("errmsg", err.Error())}})}, nil
		}
		return nil, err
	}
	return bson.D{eq("n", 1), eq("nModified", 0), eq("upserted", bson.A{bson.D{eq("index", 0), eq("_id", oid)}})}, nil
}

// create makes a document where there must be none.
func (f *Set) create(tx *transaction, at spot, d bson.Raw, operation string) error {
	if f.get(tx, at) != nil {
		return &refusal{11000, "", "E11000 duplicate key error"}
	}
	return f.set(tx, at, d, event{at, d.Lookup("_id"), operation})
}

func (f *Set) insert(c *command, tx *transaction) (bson.D, error) {
	n, writeErrors := 0, bson.A{}
	for i, d := range c.list {
		if f.stop > 0 && i == f.stop {
			return nil, &refusal{11601, "", "operation was interrupted"} // what was made stays
		}
		at := spot{c.ns(), d.Lookup("entityId").StringValue()}
		f.await(tx, at)
		operation := "insert"
		if _, err := d.LookupErr("lock"); err == nil {
			operation = "" // the pipeline of the store leaves it out
		}
		err := f.create(tx, at, d, operation)
		switch ordered, given := c.body.Lookup("ordered").BooleanOK(); {
		case err == nil:
			n++
		case tx != nil || ordered || !given || !strings.HasPrefix(err.Error(), "E11000"):
			return nil, err
		default:
			writeErrors = append(writeErrors, bson.D{eq("index", i), eq("code", 11000), eq("errmsg", err.Error())})
		}
	}
	if len(writeErrors) > 0 {
		return bson.D{eq("n", n), eq("writeErrors", writeErrors)}, nil
	}
	return bson.D{eq("n", n)}, nil
}

func (f *Set) remove(c *command, tx *transaction) (bson.D, error) {
	q := c.list[0]
	limit := q.Lookup("limit").AsInt64()
	n := 0
	for _, at := range f.all(tx, c.ns()) {
		if !matches(f.get(tx, at), q.Lookup("q").Document()) {
			continue
		}
		f.await(tx, at)
		d := f.get(tx, at)
		if d == nil || !matches(d, q.Lookup("q").Document()) {
			continue
		}
		if err := f.set(tx, at, nil, event{at, d.Lookup("_id"), "delete"}); err != nil {
			return nil, err
		}
		if n++; limit == 1 {
			break
		}
	}
	return bson.D{eq("n", n)}, nil
}

func raw(d bson.D) bson.Raw {
	b, err := bson.Marshal(d)
	if err != nil {
		panic(err)
	}
	return b
}

// changed is a document after $set, $unset and $currentDate.
func changed(before, change bson.Raw) bson.Raw {
	d := bson.D{}
	elements, _ := before.Elements()
	for _, e := range elements {
		d = append(d, eq(e.Key(), e.Value()))
	}
	assign := func(name string, value any) {
		d = slices.DeleteFunc(d, func(e bson.E) bool { return e.Key == name })
		if value != nil {
			d = append(d, eq(name, value))
		}
	}
	operators, _ := change.Elements()
	for _, operator := range operators {
		fields, _ := operator.Value().Document().Elements()
		for _, field := range fields {
			switch operator.Key() {
			case "$set":
				assign(field.Key(), field.Value())
			case "$unset":
				assign(field.Key(), nil)
			case "$currentDate":
				assign(field.Key(), time.Now())
			default:
				panic(fmt.Sprint("the fake knows no ", operator.Key()))
			}
		}
	}
	return raw(d)
}
