package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// promise is what a server has said of itself. A server writes and flushes its
// log before it answers the commands of that round, if appendfsync is always; it
// does not while it rewrites its log or saves, if no-appendfsync-on-rewrite is
// yes. "" stands for: not known.
type promise struct {
	version   string
	role      string // "master", "slave"
	cluster   bool
	replicas  int
	appendOn  string // "1", "0"
	fsync     string // appendfsync
	lazy      string // no-appendfsync-on-rewrite
	maxMemory string // bytes
	policy    string // maxmemory-policy
}

// pipeliner is a client or a connection.
type pipeliner interface {
	Pipelined(ctx context.Context, f func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// interrogate asks a server. A server may refuse INFO, and hosted ones do refuse
// CONFIG: what it does not tell is not known.
func interrogate(ctx context.Context, c pipeliner) (promise, error) {
	info := redis.NewStringCmd(ctx, "INFO")
	fsync := redis.NewStringSliceCmd(ctx, "CONFIG", "GET", "appendfsync")
	lazy := redis.NewStringSliceCmd(ctx, "CONFIG", "GET", "no-appendfsync-on-rewrite")
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		return first(p.Process(ctx, info), p.Process(ctx, fsync), p.Process(ctx, lazy))
	})
	for _, cmd := range []redis.Cmder{info, fsync, lazy} {
		if err := cmd.Err(); err != nil && !refusal(err) {
			return promise{}, err
		}
	}
	if err != nil && !refusal(err) {
		return promise{}, err
	}
	facts := parseInfo(info.Val())
	replicas, _ := strconv.Atoi(facts["connected_slaves"])
	return promise{
		version: facts["redis_version"], role: facts["role"], cluster: facts["cluster_enabled"] == "1", replicas: replicas,
		appendOn: facts["aof_enabled"], maxMemory: facts["maxmemory"], policy: facts["maxmemory_policy"],
		fsync: setting(fsync.Val()), lazy: setting(lazy.Val()),
	}, nil
}

// refusal tells of an answer that the server keeps the matter to itself.
func refusal(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command") || redis.HasErrorPrefix(err, "unknown subcommand")
}

func parseInfo(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}

// setting reads an answer to CONFIG GET.
func setting(answer []string) string {
	if len(answer) != 2 {
		return ""
	}
	return answer[1]
}

// weaknesses says how an acknowledged change may be lost.
func (p promise) weaknesses() []string {
	var w []string
	add := func(so bool, text string) {
		if so {
			w = append(w, text)
		}
	}
	add(p.role == "slave", "the server is a replica: it takes no changes, and may be behind")
	add(p.role == "", "INFO is refused: it is not known whether the server keeps a log, drops values, or is a replica")
	add(p.appendOn == "0", "appendonly is no: when the server ends, changes since its last snapshot are lost; set appendonly yes")
	if p.appendOn != "0" {
		add(p.fsync == "", "appendfsync is not known, since CONFIG is refused: a power cut may lose the last changes")
		add(p.fsync == "everysec", "appendfsync is everysec: a power cut loses a second or two of changes; set appendfsync always")
		add(p.fsync == "no", "appendfsync is no: a power cut loses half a minute of changes; set appendfsync always")
		add(p.lazy == "yes", "no-appendfsync-on-rewrite is yes: nothing is flushed while the log is rewritten; set it to no")
	}
	evicts := p.policy != "noeviction" && !strings.HasPrefix(p.policy, "volatile-") && p.maxMemory != "0"
	add(evicts && p.policy != "", "maxmemory-policy is "+p.policy+": the server drops values when it needs memory; set noeviction")
	return w
}

// notes are what else is to be known.
func (p promise) notes() []string {
	notes := p.weaknesses()
	if p.replicas > 0 {
		notes = append(notes, "changes reach replicas after they are acknowledged: if one takes over, the last may be missing")
	}
	if major, _, _ := strings.Cut(p.version, "."); p.version != "" && len(major) == 1 && major < "7" {
		notes = append(notes, "Redis before 7.0 goes on after a failed flush as if there had been none")
	}
	return append(notes, "changes by other programs are adopted, and not told to watchers")
}

// weakError refuses a server that promises less than was demanded.
type weakError struct{ why []string }

func (e *weakError) Error() string {
	return "durability=require: " + strings.Join(e.why, "; and ")
}

// usable tells why a server cannot be used at all.
func (p promise) usable(c config) error {
	if p.cluster {
		return fmt.Errorf("%s is a node of a Redis Cluster, over which no batch is atomic: use a single server, or one with replicas", c.address)
	}
	if w := p.weaknesses(); c.required && len(w) > 0 {
		return &weakError{w}
	}
	return nil
}

// ask asks the server that was just connected to. Where nobody listens it is
// said at once; a server that still reads its log is waited for.
func (s *Store) ask(ctx context.Context) (promise, error) {
	var p promise
	c := &call{ctx: ctx}
	c.alone = func(ctx context.Context, l *lane) error {
		patience := &patience{ctx: ctx, life: s.life, until: c.until}
		for {
			err := l.connect(ctx)
			if err == nil {
				p, err = interrogate(ctx, l.client)
			}
			if err == nil || !passing(err) {
				return explain(err)
			}
			if over := patience.wait(); over != nil {
				return because(over, explain(err))
			}
		}
	}
	err := s.reads.do(c)
	if err != nil && !isAnswer(err) && !errors.As(err, new(*offline)) {
		err = fmt.Errorf("no answer from Redis at %s: %w", s.cfg.address, err)
	}
	return p, err
}

// Properties implements driver.Describer: what the server has said when the
// store was opened.
func (s *Store) Properties() driver.Properties {
	return driver.Properties{
		Backend: "redis", Location: s.cfg.location(), Durable: len(s.promise.weaknesses()) == 0, ExactBytes: true,
		Batch: driver.BatchAny, Shared: true, ReadOnly: s.readOnly || s.promise.role == "slave", MaxData: driver.MaxData,
		Notes: s.promise.notes(),
	}
}

// Report implements driver.Recoverer: there is nothing to recover, but to say
// what the server does not promise.
func (s *Store) Report() driver.Report {
	var r driver.Report
	for _, w := range s.promise.weaknesses() {
		r.Findings = append(r.Findings, driver.Finding{
			Path: s.cfg.location(), Problem: driver.ProblemServer, Detail: w, Action: driver.ActionNone, Time: s.opened.UTC().Truncate(time.Second),
		})
	}
	return r
}
