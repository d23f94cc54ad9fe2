package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// A lane makes changes in transactions of this form, one message and one answer
// each:
//
//	MULTI
//	SET marker id EX week            this transaction has been made
//	MSET key data mark-key mark …    all plain puts
//	XADD log … suffix revision …     what watchers read
//	EVALSHA …                        all changes under conditions, all removals
//	MSETNX …, EVAL …                 each batch of new values
//	EXEC
//	WATCH marker
//
// The marker is the lane's own key. It is in the transaction, so it tells of a
// transaction whose answer was lost whether it was made: it holds that one's id,
// or else that of the one before. The script appends the results of those calls
// that have changed anything.
//
// A message may reach the server long after its sender has given up and looked:
// the bytes may wait in a buffer of either machine. So whoever looks at the
// marker also touches it. As the lane has watched it since the answer to the
// transaction before, a transaction that comes late finds it touched, and is not
// made. After a look there are only two outcomes, and they stay.
//
// The look is itself a change: a server that flushes before it answers flushes
// with it what it has read from its log after a crash, too. What is found to be
// made is as durable as what was acknowledged.
//
// A marker that holds neither (the server has lost its memory, or another one
// has taken its place) leaves the outcome unknown: driver.ErrUnknown.

// week is how long a marker stays whose lane was not closed.
const week = "604800" // seconds

// lastLook is how long it is tried to find out what became of a change whose
// caller has left.
const lastLook = 250 * time.Millisecond

// logLength is how many entries watchers may be behind, more or less.
const (
	logLength = 4096
	logLimit  = "4096"
)

// change is what a call changes: puts, or by a script, or new values.
type change struct {
	puts     []put
	script   *script
	creation *creation
	log      string // key
	bytes    int
}

type put struct {
	key, mark   string // keys
	suffix, rev string
	markText    string
	data        []byte
}

// own copies the data, for a call whose caller may leave before it is sent.
func (c *change) own() {
	if c == nil {
		return
	}
	puts := c.puts
	switch {
	case c.script != nil:
		puts = c.script.puts
	case c.creation != nil:
		puts = c.creation.puts
	}
	for i := range puts {
		puts[i].data = slices.Clone(puts[i].data)
	}
}

func (c *change) size() int {
	if c == nil {
		return 0
	}
	return c.bytes
}

// fate is what became of a transaction.
type fate int

const (
	made    fate = iota
	notMade      // and never will be
	refused      // not made, and trying again is of no use
	lost         // no answer
)

// commit makes changes, each once.
func (l *lane) commit(p *patience, calls []*call) {
	var last error
	for len(calls) > 0 {
		if over := p.over(); over != nil {
			fail(calls, because(over, last))
			return
		}
		if last = l.prime(p); last != nil {
			// redis.Nil: a look of this lane has come late, and touched the marker.
			if errors.As(last, new(*weakError)) || isAnswer(last) && !passing(last) && last != redis.Nil {
				fail(calls, explain(last))
				return
			}
			p.wait()
			continue
		}
		var what fate
		what, calls, last = l.transact(p, calls)
		if what == lost {
			what, calls, last = l.settle(p, calls, last)
		}
		switch what {
		case refused:
			fail(calls, explain(last))
			return
		case notMade:
			if last != nil {
				p.wait()
			}
		case lost:
			l.last = ""
			fail(calls, unknown(last))
			return
		}
	}
}

func fail(calls []*call, err error) {
	for _, c := range calls {
		c.err = err
	}
}

// prime sets the marker where it is not known what it holds. Whatever the lane
// had under way comes to nothing from then on.
func (l *lane) prime(p *patience) error {
	if l.last != "" {
		return nil
	}
	id := l.nextID()
	t := l.newTransaction()
	t.add("SET", l.marker, id+"\n", "EX", week)
	if _, err := t.send(p.ctx, l); err != nil {
		return err
	}
	l.last = id
	return nil
}

func (l *lane) nextID() string {
	l.count++
	return strconv.FormatUint(l.count, 36)
}

// transact makes one transaction of all calls, and returns those that are to be
// made again.
func (l *lane) transact(p *patience, calls []*call) (fate, []*call, error) {
	id := l.nextID()
	t := l.newTransaction()
	t.add("SET", l.marker, id+"\n", "EX", week)
	t.addPuts(calls)
	t.addScripts(calls, l.full)
	t.addCreations(calls)
	answers, err := t.send(p.ctx, l)
	switch {
	case err == nil:
	case err == redis.Nil: // the marker has gone, or somebody has touched it
		l.last = ""
		return notMade, calls, nil
	case errors.As(err, new(*offline)):
		return notMade, calls, err
	case errors.As(err, new(*weakError)):
		return refused, calls, err
	case !isAnswer(err), errors.As(err, new(*torn)):
		return lost, calls, err
	case passing(err):
		return notMade, calls, err
	default:
		return refused, calls, err
	}
	l.last = id
	return made, l.settled(calls, answers[1:]), nil
}

// settled hands out the answers of a transaction that was made. It returns the
// calls that have to be made again.
func (l *lane) settled(calls []*call, answers []any) (again []*call) {
	var scripts, creations []*call
	for _, c := range calls {
		switch {
		case c.change.script != nil:
			scripts = append(scripts, c)
		case c.change.creation != nil:
			creations = append(creations, c)
		default:
			if err, refused := answers[0].(error); refused { // of MSET
				c.err = explain(err)
			}
		}
	}
	others := len(answers) - 2*len(creations)
	for i, c := range creations { // the second answer is the script's
		c.change.creation.settle(c, answers[others+2*i+1])
	}
	if len(scripts) == 0 {
		return nil
	}
	whole := l.full
	l.full = false
	switch v := answers[others-1].(type) {
	case error:
		if redis.HasErrorPrefix(v, "NOSCRIPT") && !whole {
			l.full = true
			return scripts
		}
		fail(scripts, explain(v))
	case []any:
		for i, c := range scripts {
			if len(v) != len(scripts) {
				c.err = errGarbled
				continue
			}
			c.change.script.settle(c, v[i])
		}
	default:
		fail(scripts, errGarbled)
	}
	return nil
}

// settle finds out what became of a transaction whose answer is lost.
func (l *lane) settle(p *patience, calls []*call, why error) (fate, []*call, error) {
	id := strconv.FormatUint(l.count, 36)
	left := p.ctx.Err()
	if left != nil {
		// Whoever leaves is told what is true, if the server answers at once: else
		// what was sent might still arrive after he has looked for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), lastLook)
		defer cancel()
		p = &patience{ctx: ctx, life: p.life, until: time.Now().Add(lastLook)}
	}
	for {
		if p.ctx.Err() != nil {
			return lost, calls, because(first(left, p.ctx.Err()), why)
		}
		t := l.newTransaction()
		t.add("APPEND", l.marker, "!\n")
		t.add("EXPIRE", l.marker, week)
		t.add("GET", l.marker)
		answers, err := t.send(p.ctx, l)
		if err == nil {
			text, _ := answers[2].(string)
			return l.read(text, id, calls)
		}
		if err == redis.Nil { // touched by an earlier look whose answer was lost, too
			err = nil
		}
		if isAnswer(err) && !passing(err) || errors.As(err, new(*weakError)) {
			return lost, calls, explain(err)
		}
		if over := p.wait(); over != nil {
			return lost, calls, because(first(left, over), first(err, why))
		}
	}
}

// read reads from a marker what became of the transaction id.
func (l *lane) read(text, id string, calls []*call) (fate, []*call, error) {
	holds, results, _ := strings.Cut(text, "\n")
	if holds == l.last {
		return notMade, calls, nil
	}
	if holds != id {
		return lost, calls, errors.New("the server does not remember; it may have lost changes")
	}
	l.last = id
	gone := map[int]int64{}
	for line := range strings.Lines(results) {
		var slot int
		var n int64
		if _, err := fmt.Sscanf(line, "%d %d", &slot, &n); err == nil {
			gone[slot] = n
		}
	}
	var again []*call
	for slot, c := range slotted(calls) {
		n, changed := gone[slot]
		if c.change.script != nil {
			c.change.script.gone = n
		}
		if !changed {
			again = append(again, c) // it has changed nothing: what it found is found again
		}
	}
	return made, again, nil
}

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	if err := first(ctx.Err(), driver.ValidateKey(k), driver.ValidateData(data), s.writable()); err != nil {
		return err
	}
	return s.changes.do(&call{ctx: ctx, change: s.newPuts([]driver.Op{{Key: k, Data: data}})})
}

// newPuts makes puts of ops, none of which is a removal. They happen together.
func (s *Store) newPuts(ops []driver.Op) *change {
	c := &change{puts: make([]put, len(ops)), log: s.keys.log(), bytes: len(ops) * opBytes}
	now := time.Now()
	for i, op := range ops {
		c.puts[i] = s.newPut(op, now)
		c.bytes += len(op.Data)
	}
	return c
}

func (s *Store) newPut(op driver.Op, now time.Time) put {
	m := mark{rev: s.newRev(), at: now, digest: digest(op.Data)}
	name := suffix(op.Key)
	return put{key: s.keys.prefix + name, mark: s.keys.prefix + ":rev:" + name, suffix: name, rev: m.rev, markText: m.String(), data: op.Data}
}
