package redisstore

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// Watching reads the log, a stream to which each transaction adds what it
// changes: it is as durable as the change, and whoever was cut off goes on where
// he was. Notifications of Redis are neither: they go to whoever happens to be
// connected. What other programs set is in no log, and is not told.
//
// The log is kept short, see logLength. Whoever has fallen so far behind that
// entries he has not read may be gone is told so by an error, and never by
// silence.

// watchBlock is how long the server waits for an entry before it answers that
// there is none. A connection on which not even that comes is dead.
const watchBlock = 5 * time.Second

// watchEntries is how many entries are fetched at once.
const watchEntries = 128

// origin is before all entries.
const origin = "0-0"

var errLagging = errors.New("watching has fallen behind: read the values and watch again")

// Watch implements driver.Watcher. It asks the server where its log ends, so it
// takes as long as Get. Changes by other Holdfast stores are told, those by other
// programs are not.
func (s *Store) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	w := &watcher{s: s, ctx: ctx, entity: entity}
	err := first(ctx.Err(), driver.ValidateEntity(entity), s.open())
	if err == nil {
		w.after, err = s.lastEntry(ctx)
	}
	return func(yield func(driver.Change, error) bool) {
		if err != nil {
			yield(driver.Change{}, err)
			return
		}
		w.run(yield)
	}
}

// lastEntry is the id of the newest entry of the log.
func (s *Store) lastEntry(ctx context.Context) (string, error) {
	cmd := redis.NewXMessageSliceCmd(ctx, "XREVRANGE", s.keys.log(), "+", "-", "COUNT", 1)
	if err := s.reads.command(ctx, cmd); err != nil {
		return "", err
	}
	if len(cmd.Val()) == 0 {
		return origin, nil
	}
	return cmd.Val()[0].ID, nil
}

// watcher is one consumer.
type watcher struct {
	s      *Store
	ctx    context.Context
	entity string
	after  string // the entry that was read last
}

func (w *watcher) run(yield func(driver.Change, error) bool) {
	l := newLane(w.s.life, w.s.cfg, "")
	defer l.close()
	turn := l.begin()
	defer context.AfterFunc(w.ctx, func() { l.cut(turn) })()
	defer context.AfterFunc(w.s.life, func() { l.cut(turn) })()
	after := w.after // the sequence may be run again
	p := &patience{ctx: w.ctx, life: w.s.life, until: time.Now().Add(forever)}
	for {
		if over := p.over(); over != nil {
			yield(driver.Change{}, over)
			return
		}
		entries, err := w.next(l, after)
		switch {
		case errors.Is(err, errLagging), isAnswer(err) && !passing(err):
			yield(driver.Change{}, explain(err))
			return
		case err != nil:
			p.wait() // and go on where it was, when there is a connection again
			continue
		case len(entries) == 0:
			continue
		}
		p.pause = 0
		after = entries[len(entries)-1].ID
		for _, c := range w.changes(entries) {
			if !yield(c, nil) {
				return
			}
		}
	}
}

const forever = 100 * 365 * 24 * time.Hour

// next waits for entries behind one; none if none has come for a while.
func (w *watcher) next(l *lane, after string) ([]redis.XMessage, error) {
	if err := l.connect(w.ctx); err != nil {
		return nil, err
	}
	streams, err := l.client.XRead(w.ctx, &redis.XReadArgs{Streams: []string{w.s.keys.log(), after}, Count: watchEntries, Block: watchBlock}).Result()
	if err == redis.Nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Only entries at the beginning are ever dropped. If the one before these is
	// still there now, none between was dropped before these were read.
	before := redis.NewXMessageSliceCmd(w.ctx, "XRANGE", w.s.keys.log(), after, after)
	length := redis.NewIntCmd(w.ctx, "XLEN", w.s.keys.log())
	if err := first(l.send(w.ctx, before, length), before.Err(), length.Err()); err != nil {
		return nil, err
	}
	if len(before.Val()) == 0 && (after != origin || length.Val() >= logLength) {
		return nil, errLagging
	}
	return streams[0].Messages, nil
}

// changes is what entries tell of the entity: the last change of each value.
func (w *watcher) changes(entries []redis.XMessage) []driver.Change {
	last := map[string]bool{} // id → removed
	for _, entry := range entries {
		for name, rev := range entry.Values {
			if k, ok := (naming{}).parse(name); ok && k.Entity == w.entity {
				last[k.ID] = rev == ""
			}
		}
	}
	changes := make([]driver.Change, 0, len(last))
	for _, id := range slices.Sorted(maps.Keys(last)) {
		changes = append(changes, driver.Change{Key: driver.Key{Entity: w.entity, ID: id}, Deleted: last[id]})
	}
	return changes
}
