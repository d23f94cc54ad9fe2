package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// look asks for a value and its mark, in one command so that both are of one
// moment.
type look struct {
	key, mark  string // keys
	data, text []byte // what is under them; nil where it is no string
	refused    error
}

// answer is the error that the server has answered to a question.
func (c *call) answer() error {
	if c.look != nil {
		return c.look.refused
	}
	return c.command.Err()
}

// ask puts questions. It returns an error if an answer is missing; what the
// server answers is in the calls.
func (l *lane) ask(ctx context.Context, calls []*call) error {
	if c := calls[0]; len(calls) == 1 && c.look != nil {
		return l.look(ctx, calls)
	}
	var looks []*call
	var cmds []redis.Cmder
	for _, c := range calls {
		if c.look != nil {
			looks = append(looks, c)
			continue
		}
		c.command.SetErr(nil)
		cmds = append(cmds, c.command)
	}
	var err error
	if len(looks) > 0 {
		err = l.look(ctx, looks)
	}
	if err == nil && len(cmds) > 0 {
		err = l.send(ctx, cmds...)
	}
	return err
}

func (l *lane) look(ctx context.Context, calls []*call) error {
	m := l.out[:0]
	for _, c := range calls {
		m = m.command(3).word("MGET").word(c.look.key).word(c.look.mark)
	}
	l.keep(m)
	err := l.exchange(ctx, m, func(r replies) error {
		for _, c := range calls {
			x := c.look
			x.refused = nil
			var err error
			if x.data, x.text, err = r.pair(); isAnswer(err) {
				x.refused = err
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if !isAnswer(err) {
		return err
	}
	for _, c := range calls { // to being greeted
		c.look.refused = err
	}
	return nil
}

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if err := first(ctx.Err(), driver.ValidateKey(k)); err != nil {
		return driver.Record{}, err
	}
	x := look{key: s.keys.value(k), mark: s.keys.rev(k)}
	for {
		if err := s.reads.do(&call{ctx: ctx, look: &x}); err != nil {
			return driver.Record{}, err
		}
		if x.data != nil {
			return record(k, x.key, x.data, string(x.text))
		}
		// MGET says the same of what is absent and of what is no string.
		kind := redis.NewStatusCmd(ctx, "TYPE", x.key)
		if err := s.reads.command(ctx, kind); err != nil {
			return driver.Record{}, err
		}
		switch kind.Val() {
		case "none":
			return driver.Record{}, driver.ErrNotFound
		case "string": // made between the two commands
		default:
			return driver.Record{}, wrongType(x.key, kind.Val())
		}
	}
}

func wrongType(key, kind string) error {
	return &driver.DamagedError{Path: "key " + strconv.Quote(key), Reason: "it holds a " + kind + ", not a string"}
}

// strings2 reads an answer to MGET of two keys: nil for no string.
func strings2(answer []any) (data *string, text string) {
	if len(answer) == 2 {
		if value, ok := answer[0].(string); ok {
			data = &value
		}
		text, _ = answer[1].(string)
	}
	return data, text
}

// Has implements driver.Store.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	if err == driver.ErrNotFound {
		return false, nil
	}
	return err == nil, err
}
