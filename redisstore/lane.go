package redisstore

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// lane is one connection, made again when it breaks, and what is known of it.
// One goroutine at a time uses it, for a turn; any other may cut that turn
// short. A lane for changes has a marker, see commit.
type lane struct {
	cfg    config
	client *redis.Client // of this one connection; it repeats nothing by itself
	life   context.Context

	marker string // key; "" for a lane that reads
	last   string // what the marker holds, as far as it is known; "" if it is not
	count  uint64 // of what the marker held
	full   bool   // the server does not know the script, and is sent all of it
	out    message

	mu    sync.Mutex
	turn  uint64
	dials int   // connections made
	ready *wire // connected, and not yet fetched by the client
	used  *wire // fetched by the client, and not yet closed
}

func newLane(life context.Context, cfg config, marker string) *lane {
	l := &lane{cfg: cfg, life: life, marker: marker}
	l.renew()
	return l
}

// renew makes a client, which has no connection yet.
func (l *lane) renew() {
	cfg := l.cfg
	l.client = redis.NewClient(&redis.Options{
		Network: cfg.network, Addr: cfg.address, Dialer: l.fetch, OnConnect: l.greet,
		Username: cfg.username, Password: cfg.password, DB: cfg.db, Protocol: 2,
		ReadTimeout: cfg.timeout, WriteTimeout: cfg.timeout, DialTimeout: cfg.dial, ContextTimeoutEnabled: true,
		// What may be repeated is decided here, not by the client.
		MaxRetries: -1, DialerRetries: 1,
		PoolSize: 1, PipelinePoolSize: -1, ConnMaxIdleTime: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// wire is a connection that its lane knows of.
type wire struct {
	net.Conn
	lane    *lane
	greeted bool    // it may be used past the client; the turn's own
	replies replies // past the client
}

// Close is called by the client when it gives the connection up, and by cut.
func (w *wire) Close() error {
	w.lane.mu.Lock()
	if w.lane.used == w {
		w.lane.used = nil
	}
	w.lane.mu.Unlock()
	return w.Conn.Close()
}

// wireBuffer holds the answers to most messages.
const wireBuffer = 16 << 10

// keptBuffer is how large a message may be whose memory is kept for the next.
const keptBuffer = 64 << 10

// offline is an error of connecting: nothing has been sent.
type offline struct {
	address string
	err     error
}

func (e *offline) Error() string { return "cannot reach Redis at " + e.address + ": " + e.err.Error() }
func (e *offline) Unwrap() error { return e.err }

// connect makes the connection if there is none. The client is not left to it:
// where it fails, it writes to stderr and goes on dialing in the background.
func (l *lane) connect(ctx context.Context) error {
	l.mu.Lock()
	there := l.ready != nil || l.used != nil
	l.mu.Unlock()
	if there {
		return nil
	}
	w, err := l.dial(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.ready = w
	l.mu.Unlock()
	return nil
}

func (l *lane) dial(ctx context.Context) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.dial)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, l.cfg.network, l.cfg.address)
	if err == nil && l.cfg.tls != nil {
		secure := tls.Client(conn, l.cfg.tls)
		if err = secure.HandshakeContext(ctx); err != nil {
			conn.Close()
		}
		conn = secure
	}
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			err = op.Err // the address is named already
		}
		return nil, &offline{l.cfg.address, err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dials++
	return &wire{Conn: conn, lane: l, replies: replies{bufio.NewReaderSize(conn, wireBuffer)}}, nil
}

// fetch is how the client connects.
func (l *lane) fetch(ctx context.Context, _, _ string) (net.Conn, error) {
	l.mu.Lock()
	w := l.ready
	l.ready = nil
	l.mu.Unlock()
	if w == nil {
		var err error
		if w, err = l.dial(ctx); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	l.used = w
	l.mu.Unlock()
	return w, nil
}

// greet is the first use of each connection for changes.
func (l *lane) greet(ctx context.Context, c *redis.Conn) error {
	if l.marker == "" {
		return nil
	}
	if l.cfg.required {
		// The server may have been started again with other settings, or be
		// another one by now.
		p, err := interrogate(ctx, c)
		if err == nil {
			err = p.usable(l.cfg)
		}
		if err != nil {
			return err
		}
	}
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Process(ctx, redis.NewCmd(ctx, "WATCH", l.marker)) })
	return err
}

// begin begins a turn, which cut may end early.
func (l *lane) begin() (turn uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn++
	return l.turn
}

// cut breaks the connection if it is still that turn: whoever waits for an
// answer on it waits no longer.
func (l *lane) cut(turn uint64) {
	l.mu.Lock()
	w := l.used
	mine := l.turn == turn
	l.mu.Unlock()
	if mine && w != nil {
		w.Close()
	}
}

// connections tells how many there have been.
func (l *lane) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dials
}

// send sends commands in one go and waits for their answers. It returns an error
// if an answer is missing; what the server answers is in the commands.
func (l *lane) send(ctx context.Context, cmds ...redis.Cmder) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	if len(cmds) == 1 {
		if err := l.client.Process(ctx, cmds[0]); err != nil && !isAnswer(err) {
			return err
		}
		return nil
	}
	pipe := l.client.Pipeline()
	for _, cmd := range cmds {
		if err := pipe.Process(ctx, cmd); err != nil {
			return err
		}
	}
	if _, err := pipe.Exec(ctx); err == nil {
		return nil
	}
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !isAnswer(err) {
			return err
		}
	}
	return nil
}

// session returns a connection that the client has greeted, and has no use for
// while this turn lasts.
func (l *lane) session(ctx context.Context) (*wire, error) {
	for {
		if err := l.connect(ctx); err != nil {
			return nil, err
		}
		l.mu.Lock()
		w := l.used
		l.mu.Unlock()
		if w != nil && w.greeted {
			return w, nil
		}
		err := l.client.Process(ctx, redis.NewCmd(ctx, "PING"))
		l.mu.Lock()
		w = l.used
		l.mu.Unlock()
		switch {
		case w == nil && err == nil:
			err = net.ErrClosed // cut
			fallthrough
		case w == nil, err != nil && !isAnswer(err):
			return nil, err
		}
		w.greeted = true
	}
}

// exchange sends a message past the client and has its answers read. An error is
// one of the way, or what the server says to being greeted; the connection is
// given up then, since nobody knows what else would come on it.
func (l *lane) exchange(ctx context.Context, m message, read func(replies) error) error {
	w, err := l.session(ctx)
	if err != nil {
		return err
	}
	until := time.Now().Add(l.cfg.timeout)
	if deadline, limited := ctx.Deadline(); limited && deadline.Before(until) {
		until = deadline
	}
	if err = w.SetDeadline(until); err == nil {
		if _, err = w.Write(m); err == nil {
			err = read(w.replies)
		}
	}
	if err == nil && w.replies.Buffered() > 0 {
		err = fmt.Errorf("%w: more than was asked for", errGarbled)
	}
	if err != nil {
		w.Close()
		l.client.Close()
		l.renew()
	}
	return err
}

// isAnswer tells an error that the server has answered from one of the way to it.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// close removes the marker, so that nothing of a lane stays, and disconnects.
func (l *lane) close() {
	if l.last != "" {
		ctx, cancel := context.WithTimeout(context.Background(), min(l.cfg.timeout, time.Second))
		defer cancel()
		_ = l.send(ctx, redis.NewCmd(ctx, "UNLINK", l.marker)) // else it goes by itself in a week
	}
	l.client.Close()
	l.mu.Lock()
	w := l.ready
	l.mu.Unlock()
	if w != nil {
		w.Conn.Close()
	}
}

// keep keeps the memory of a message for the next one.
func (l *lane) keep(m message) {
	if cap(m) <= keptBuffer {
		l.out = m[:0]
	}
}
