package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast-go/holdfast/driver"
)

func init() {
	for _, scheme := range []string{"postgres", "postgresql"} {
		driver.Register(scheme, func(ctx context.Context, u *url.URL, o driver.OpenOptions) (driver.Store, error) {
			s, err := OpenURL(ctx, u, o)
			if err != nil {
				return nil, err // not a nil *Store within an interface
			}
			return s, nil
		})
	}
}

// config is what a URL says.
type config struct {
	pool     *pgxpool.Config
	schema   string // "": the server's current one
	table    string
	timeout  time.Duration // of a call whose context has no deadline
	lockWait time.Duration // for a row that somebody else holds, before it is tried again
	require  bool          // refuse a server on which acknowledged is not durable
	pooler   bool          // a pooler gives each transaction another session
	readOnly bool
	log      *slog.Logger
}

const (
	defaultTable   = "holdfast"
	defaultTimeout = 10 * time.Second
	connectTimeout = 5 * time.Second
	defaultConns   = 8
)

// passed are the parameters that go to pgx as they are; see OpenURL.
var passed = []string{
	"host", "port", "dbname", "user", "password", "passfile", "service", "servicefile", "connect_timeout", "target_session_attrs",
	"sslmode", "sslcert", "sslkey", "sslrootcert", "sslpassword", "sslsni", "sslnegotiation", "sslcertmode",
	"channel_binding", "require_auth", "krbspn", "krbsrvname", "application_name", "options",
	"pool_max_conns", "pool_min_conns", "pool_min_idle_conns", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter",
	"pool_max_conn_idle_time", "pool_health_check_period", "pool_ping_timeout",
	"min_protocol_version", "max_protocol_version",
}

// parse reads a URL. Its errors never hold what may be a password.
func parse(u *url.URL, o driver.OpenOptions) (*config, error) {
	c := &config{table: defaultTable, timeout: defaultTimeout, readOnly: o.ReadOnly, log: o.Logger}
	own := map[string]func(string) error{
		"schema":     func(v string) error { c.schema = v; return notEmpty(v) },
		"table":      func(v string) error { c.table = v; return checkTable(v) },
		"timeout":    func(v string) error { return setDuration(&c.timeout, v) },
		"durability": func(v string) error { return setWord(&c.require, v, "require", "report") },
		"pooler":     func(v string) error { return setWord(&c.pooler, v, "transaction", "none") },
		"mode":       func(v string) error { return setMode(c, v) },
	}
	rest := url.Values{}
	known := make(map[string]func(string) error, len(own)+len(passed))
	for name, set := range own {
		known[name] = set
	}
	for _, name := range passed {
		known[name] = func(v string) error { rest.Set(name, v); return nil }
	}
	if err := driver.Params(u, known); err != nil {
		return nil, err
	}
	if u.Fragment != "" || u.Opaque != "" {
		return nil, fmt.Errorf("%w: write postgres://USER@HOST/DATABASE, with %%23 for a # in it", driver.ErrInvalidURL)
	}
	if err := c.pgx(*u, rest); err != nil {
		return nil, err
	}
	c.lockWait = min(time.Second, c.timeout/4)
	return c, nil
}

// pgx has pgx read the rest of the URL, without the secrets: its errors repeat
// what it is given.
func (c *config) pgx(u url.URL, rest url.Values) error {
	password, hasPassword := rest.Get("password"), rest.Has("password")
	rest.Del("password")
	if u.User != nil {
		if inUser, ok := u.User.Password(); ok {
			password, hasPassword = inUser, true
		}
		u.User = url.User(u.User.Username())
	}
	sslPassword := rest.Get("sslpassword")
	if strings.Contains(rest.Get("options"), "synchronous_commit") {
		return fmt.Errorf("%w: parameter options: synchronous_commit is set by the store", driver.ErrInvalidURL)
	}
	u.RawQuery = rest.Encode()
	parsed, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		if sslPassword != "" {
			err = errors.New("the TLS settings cannot be used")
		}
		return fmt.Errorf("%w: %s", driver.ErrInvalidURL, because(err))
	}
	if hasPassword {
		parsed.ConnConfig.Password = password
	}
	if !rest.Has("pool_max_conns") {
		parsed.MaxConns = defaultConns
	}
	if parsed.ConnConfig.ConnectTimeout == 0 {
		parsed.ConnConfig.ConnectTimeout = connectTimeout
	}
	dialer := &net.Dialer{KeepAlive: 15 * time.Second, Timeout: parsed.ConnConfig.ConnectTimeout}
	parsed.ConnConfig.DialFunc = dialer.DialContext
	if parsed.ConnConfig.RuntimeParams["application_name"] == "" {
		parsed.ConnConfig.RuntimeParams["application_name"] = "holdfast"
	}
	if c.pooler {
		parsed.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if parsed.PingTimeout == 0 {
		parsed.PingTimeout = connectTimeout
	}
	c.pool = parsed
	return nil
}

// because is what pgx says without the connection string that it puts in front:
// "cannot parse `…`: why (cause)".
func because(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		return text[i+len("`: "):]
	}
	return text
}

// place names the database for people, without secrets.
func (c *config) place() string {
	cc := c.pool.ConnConfig
	at := net.JoinHostPort(cc.Host, strconv.Itoa(int(cc.Port)))
	if strings.HasPrefix(cc.Host, "/") {
		at = cc.Host + ":" + strconv.Itoa(int(cc.Port))
	}
	return fmt.Sprintf("postgres://%s/%s", at, cc.Database)
}

func notEmpty(v string) error {
	if v == "" || strings.ContainsRune(v, 0) {
		return errors.New("is empty or has U+0000")
	}
	return nil
}

func setDuration(to *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < 100*time.Millisecond || d > time.Hour {
		return errors.New("write a time between 100ms and 1h, such as 10s")
	}
	*to = d
	return nil
}

func setMode(c *config, v string) error {
	ro := false
	if err := setWord(&ro, v, "ro", "rw"); err != nil {
		return err
	}
	c.readOnly = c.readOnly || ro
	return nil
}

// setWord sets to true for yes and to false for no.
func setWord(to *bool, v, yes, no string) error {
	if !slices.Contains([]string{yes, no}, v) {
		return fmt.Errorf("write %s or %s", yes, no)
	}
	*to = v == yes
	return nil
}
