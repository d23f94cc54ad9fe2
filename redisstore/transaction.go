package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// transaction is a message in the making; see commit for its form.
type transaction struct {
	marker string
	m      message
	queued int // commands, MULTI included
}

func (l *lane) newTransaction() *transaction {
	t := &transaction{marker: l.marker, m: l.out[:0]}
	t.add("MULTI")
	return t
}

func (t *transaction) add(words ...string) {
	t.m = t.m.all(words...)
	t.queued++
}

// addPuts adds what all plain puts need.
func (t *transaction) addPuts(calls []*call) {
	n, log := 0, ""
	for _, c := range calls {
		n += len(c.change.puts)
		log = c.change.log
	}
	if n == 0 {
		return
	}
	m := t.m.command(1 + 4*n).word("MSET")
	for _, c := range calls {
		m = m.puts(c.change.puts)
	}
	m = m.command(6 + 2*n).word("XADD").word(log).word("MAXLEN").word("~").word(logLimit).word("*")
	for _, c := range calls {
		m = m.news(c.change.puts)
	}
	t.m = m
	t.queued += 2
}

// puts adds what MSET needs.
func (m message) puts(puts []put) message {
	for i := range puts {
		p := &puts[i]
		m = m.word(p.key).data(p.data).word(p.mark).word(p.markText)
	}
	return m
}

// news adds what the log has of them.
func (m message) news(puts []put) message {
	for i := range puts {
		m = m.word(puts[i].suffix).word(puts[i].rev)
	}
	return m
}

// addScripts adds one run of the script for all that need it.
func (t *transaction) addScripts(calls []*call, full bool) {
	scripts, keys, args, log := 0, 2, 1, ""
	for _, c := range calls {
		if x := c.change.script; x != nil {
			scripts, keys, args, log = scripts+1, keys+len(x.keys), args+x.words(), c.change.log
		}
	}
	if scripts == 0 {
		return
	}
	m := t.m.command(3 + keys + args)
	if full {
		m = m.word("EVAL").word(applySource)
	} else {
		m = m.word("EVALSHA").word(applyDigest)
	}
	m = m.number(keys).word(t.marker).word(log)
	for _, c := range calls {
		if x := c.change.script; x != nil {
			for _, key := range x.keys {
				m = m.word(key)
			}
		}
	}
	m = m.number(scripts)
	before := 3 // marker and log, and counted from 1
	for _, c := range calls {
		if x := c.change.script; x != nil {
			m = x.append(m, before)
			before += len(x.keys)
		}
	}
	t.m = m
	t.queued++
}

// addCreations adds what makes new values, for each call by itself.
func (t *transaction) addCreations(calls []*call) {
	for slot, c := range slotted(calls) {
		if x := c.change.creation; x != nil {
			t.m = x.append(t.m, t.marker, c.change.log, slot)
			t.queued += 2
		}
	}
}

// slotted lists the calls whose results the marker gets, by the place that it
// names them by: those of the common script, then new values.
func slotted(calls []*call) (all []*call) {
	for _, c := range calls {
		if c.change.script != nil {
			all = append(all, c)
		}
	}
	for _, c := range calls {
		if c.change.creation != nil {
			all = append(all, c)
		}
	}
	return all
}

// torn is why MULTI was refused: then what follows it is no transaction, and
// each command may have been carried out by itself.
type torn struct{ error }

func (e *torn) Unwrap() error { return e.error }

// readQueued reads the answers before that to EXEC, and tells which command was
// refused first.
func (t *transaction) readQueued(r replies) (refused, err error) {
	for i := range t.queued {
		answer, err := r.next()
		if err != nil {
			return nil, err
		}
		if err, is := answer.(answerError); is && refused == nil {
			if refused = err; i == 0 {
				refused = &torn{err}
			}
		}
	}
	return refused, nil
}

// send sends the transaction and returns its answers. An error that isAnswer and
// is not torn, or offline, says that it was not made; redis.Nil, that the marker
// was touched.
func (t *transaction) send(ctx context.Context, l *lane) ([]any, error) {
	t.m = t.m.all("EXEC").all("WATCH", t.marker)
	l.keep(t.m)
	var refused error // when it was queued
	var exec any
	err := l.exchange(ctx, t.m, func(r replies) (err error) {
		if refused, err = t.readQueued(r); err != nil {
			return err
		}
		if exec, err = r.next(); err != nil {
			return err
		}
		if exec == nil {
			exec = redis.Nil
		}
		watch, err := r.next()
		if answer, is := watch.(answerError); is && err == nil {
			return answer // the connection is made anew: on this one nothing would be watched
		}
		if redis.HasErrorPrefix(refused, "READONLY") {
			return refused // so that it leads to the master, if that has the name by now
		}
		return err
	})
	switch answer := exec.(type) {
	case []any:
		if len(answer) != t.queued-1 {
			return nil, fmt.Errorf("%w: %d of %d in a transaction", errGarbled, len(answer), t.queued-1)
		}
		return answer, nil // whatever comes of WATCH
	case error:
		// Of commands that were refused when they were queued, the first tells why.
		if redis.HasErrorPrefix(answer, "EXECABORT") || errors.As(refused, new(*torn)) {
			return nil, first(refused, answer)
		}
		return nil, answer
	case nil:
		return nil, err
	}
	return nil, errors.New("EXEC is not answered as a transaction")
}
