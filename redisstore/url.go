package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
)

// config is what a URL says:
//
//	redis://[user:password@]host[:6379][/db][?parameters]
//	rediss://…                               the same over TLS
//	redis+unix://[user:password@]/path/of/socket[?parameters]
type config struct {
	network, address   string
	username, password string
	tls                *tls.Config // nil: none

	db       int
	prefix   string
	readers  int           // connections
	writers  int           // connections
	timeout  time.Duration // of a call whose context has no deadline
	dial     time.Duration // of one attempt to connect
	required bool          // refuse a server that may lose what it has acknowledged
}

// The defaults of parameters.
const (
	defaultPort    = "6379"
	defaultTimeout = 10 * time.Second
	defaultDial    = 3 * time.Second
	defaultReaders = 4
	defaultWriters = 2
)

func parse(u *url.URL) (config, error) {
	c := config{readers: defaultReaders, writers: defaultWriters, timeout: defaultTimeout, dial: defaultDial}
	t := &tlsFiles{}
	params := map[string]func(string) error{
		"prefix":       c.setPrefix,
		"readers":      number(&c.readers, 1, 1024),
		"writers":      number(&c.writers, 1, 1024),
		"timeout":      duration(&c.timeout),
		"dial-timeout": duration(&c.dial),
		"durability":   c.setDurability,
	}
	switch u.Scheme {
	case "rediss":
		params["ca"], params["cert"], params["key"], params["server-name"] = set(&t.ca), set(&t.cert), set(&t.key), set(&t.name)
	case "redis+unix":
		params["db"] = number(&c.db, 0, math.MaxInt32)
	}
	if err := first(driver.Params(u, params), c.setPlace(u)); err != nil {
		return config{}, err
	}
	if u.Scheme == "rediss" {
		var err error
		if c.tls, err = t.config(u.Hostname()); err != nil {
			return config{}, err
		}
	}
	c.username = u.User.Username()
	c.password, _ = u.User.Password()
	return c, nil
}

// setPlace reads what stands before the parameters.
func (c *config) setPlace(u *url.URL) error {
	bad := func(why string) error {
		return fmt.Errorf("%w: %s: write %s", driver.ErrInvalidURL, why, forms[u.Scheme])
	}
	if u.Opaque != "" || u.Fragment != "" {
		return bad("it is neither a host nor a socket")
	}
	if u.Scheme == "redis+unix" {
		if u.Host != "" || len(u.Path) < 2 {
			return bad("a socket is an absolute path")
		}
		c.network, c.address = "unix", u.Path
		return nil
	}
	host, port, path := u.Hostname(), u.Port(), strings.TrimPrefix(u.Path, "/")
	if host == "" {
		return bad("it names no host")
	}
	if port == "" {
		port = defaultPort
	}
	c.network, c.address = "tcp", net.JoinHostPort(host, port)
	if path != "" && number(&c.db, 0, math.MaxInt32)(path) != nil {
		return bad("the path is not the number of a database")
	}
	return nil
}

var forms = map[string]string{
	"redis":      "redis://host:6379/0",
	"rediss":     "rediss://host:6379/0",
	"redis+unix": "redis+unix:///path/of/socket",
}

// location is the URL without what is secret or of no interest.
func (c config) location() string {
	u := url.URL{Scheme: "redis", Host: c.address, Path: "/" + strconv.Itoa(c.db)}
	q := url.Values{}
	switch {
	case c.network == "unix":
		u = url.URL{Scheme: "redis+unix", Path: c.address}
		if c.db != 0 {
			q.Set("db", strconv.Itoa(c.db))
		}
	case c.tls != nil:
		u.Scheme = "rediss"
	}
	if c.prefix != "" {
		q.Set("prefix", c.prefix)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

const maxPrefix = 256

func (c *config) setPrefix(value string) error {
	if !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 || len(value) > maxPrefix {
		return fmt.Errorf("takes text of at most %d bytes", maxPrefix)
	}
	c.prefix = value
	return nil
}

func (c *config) setDurability(value string) error {
	switch value {
	case "require":
		c.required = true
	case "report":
		c.required = false
	default:
		return errors.New("takes report (the default) or require")
	}
	return nil
}

func set(p *string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("is empty")
		}
		*p = value
		return nil
	}
}

func number(p *int, least, most int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return fmt.Errorf("takes a whole number from %d to %d", least, most)
		}
		*p = n
		return nil
	}
}

func duration(p *time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < time.Millisecond || d > time.Hour {
			return errors.New("takes a time from 1ms to 1h, such as 10s")
		}
		*p = d
		return nil
	}
}

// tlsFiles are the parameters of TLS: files in PEM, and the name that the
// server's certificate must have if it is not that of the host.
type tlsFiles struct{ ca, cert, key, name string }

func (t *tlsFiles) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if t.name != "" {
		c.ServerName = t.name
	}
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, fmt.Errorf("%w: parameter ca: %w", driver.ErrInvalidURL, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: parameter ca: %s holds no certificate in PEM", driver.ErrInvalidURL, t.ca)
		}
	}
	if (t.cert == "") != (t.key == "") {
		return nil, fmt.Errorf("%w: parameters cert and key: one goes with the other", driver.ErrInvalidURL)
	}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, fmt.Errorf("%w: parameters cert and key: %w", driver.ErrInvalidURL, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
