package mongostore

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/holdfast-go/holdfast/driver"
)

// The limits of time where the URL names none.
const (
	defaultTimeout   = 20 * time.Second // of a call whose context has no deadline
	defaultSelection = 10 * time.Second // until a server is found that takes writes
	defaultConnect   = 10 * time.Second // of making a connection
)

// defaultDatabase is for a URL that names none.
const defaultDatabase = "holdfast"

// config is what a URL says.
type config struct {
	client   *options.ClientOptions
	database string
	location string // without secrets
	secrets  []string
	timeout  time.Duration
	durable  bool // refuse a server that does not promise durability
	readOnly bool
}

// ours are the parameters that the MongoDB driver does not know.
var ours = map[string]func(*config, string) error{
	"durability": func(c *config, v string) error {
		c.durable = v == "require"
		return oneWord(v, "require")
	},
	"mode": func(c *config, v string) error {
		c.readOnly = v == "ro"
		return oneWord(v, "ro", "rw")
	},
}

// passed are the options that go to the MongoDB driver as they are. It is a
// list since the driver takes an option that it does not know for nothing.
var passed = strings.Fields(`appName authMechanism authMechanismProperties authSource compressors
	connect connectTimeoutMS directConnection enableOverloadRetargeting heartbeatFrequencyMS
	heartbeatIntervalMS loadBalanced localThresholdMS maxAdaptiveRetries maxConnecting maxIdleTimeMS
	maxPoolSize minPoolSize replicaSet retryReads retryWrites serverMonitoringMode
	serverSelectionTimeoutMS srvMaxHosts srvServiceName ssl sslCertificateAuthorityFile
	sslClientCertificateKeyFile sslClientCertificateKeyPassword sslInsecure tls tlsCAFile
	tlsCertificateFile tlsCertificateKeyFile tlsCertificateKeyFilePassword
	tlsDisableCertificateRevocationCheck tlsDisableOCSPEndpointCheck tlsInsecure tlsPrivateKeyFile
	zlibCompressionLevel zstdCompressionLevel`)

// checked are options of the MongoDB driver of which only some values leave what
// is promised as it is.
var checked = map[string]func(*config, string) error{
	"w":                  func(_ *config, v string) error { return oneWord(v, "majority") },
	"journal":            func(_ *config, v string) error { return oneWord(v, "true") },
	"readpreference":     func(_ *config, v string) error { return oneWord(v, "primary") },
	"readconcernlevel":   func(_ *config, v string) error { return oneWord(v, "majority", "linearizable") },
	"timeoutms":          setTimeout,
	"sockettimeoutms":    func(*config, string) error { return errors.New("use timeoutMS") },
	"wtimeoutms":         func(*config, string) error { return errors.New("use timeoutMS") },
	"readpreferencetags": func(*config, string) error { return errors.New("the primary alone is read") },
	"maxstalenessseconds": func(*config, string) error {
		return errors.New("the primary alone is read")
	},
}

func oneWord(v string, words ...string) error {
	for _, word := range words {
		if v == word {
			return nil
		}
	}
	return errors.New("use " + strings.Join(words, " or "))
}

func setTimeout(c *config, v string) error {
	ms, err := strconv.Atoi(v)
	if err != nil || ms < 1 || ms > int(time.Hour/time.Millisecond) {
		return errors.New("use a whole number from 1 to 3600000")
	}
	c.timeout = time.Duration(ms) * time.Millisecond
	return nil
}

// parseURL reads a URL. Its errors never repeat it, as it may hold a password.
func parseURL(u *url.URL) (*config, error) {
	c := &config{timeout: defaultTimeout, database: defaultDatabase, secrets: secretsOf(u)}
	if u.Host == "" || u.Opaque != "" {
		return nil, invalidURL("it names no server: write %s://HOST/DATABASE", u.Scheme)
	}
	if u.Fragment != "" {
		return nil, invalidURL("# begins a fragment: write %%23 for a # in a password")
	}
	if name := strings.TrimPrefix(u.Path, "/"); name != "" {
		c.database = name
	}
	if strings.ContainsAny(c.database, "/\\. \"$*<>:|?\x00") || len(c.database) > 63 {
		return nil, invalidURL("database %q: a name has up to 63 bytes, without / \\ . \" $ * < > : | ? or space", c.database)
	}
	query, err := c.parameters(u)
	if err != nil {
		return nil, err
	}
	c.location = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + c.database}).String()
	forDriver := url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: "/" + c.database, RawQuery: query.Encode()}
	if u.Path == "" || u.Path == "/" {
		forDriver.Path = "/" // the default database is not the one to log in to
	}
	return c, c.driverOptions(forDriver.String())
}

// parameters takes what is ours, and returns what is the driver's.
func (c *config) parameters(u *url.URL) (url.Values, error) {
	known := map[string]func(*config, string) error{}
	for _, name := range passed {
		known[strings.ToLower(name)] = func(*config, string) error { return nil }
	}
	for name, check := range checked {
		known[name] = check
	}
	for name, set := range ours {
		known[name] = set
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalidURL("parameters cannot be parsed: write name=value, joined by &")
	}
	for name, values := range query {
		set, ok := known[strings.ToLower(name)]
		switch {
		case !ok:
			return nil, invalidURL("unknown parameter %q: %s: takes durability, mode, timeoutMS and the options of the MongoDB driver", name, u.Scheme)
		case len(values) > 1:
			return nil, invalidURL("parameter %q stands there twice", name)
		}
		if err := set(c, values[0]); err != nil {
			return nil, invalidURL("parameter %s: %v", name, err)
		}
		if _, mine := ours[strings.ToLower(name)]; mine {
			delete(query, name)
		}
	}
	return query, nil
}

// driverOptions makes the options of the MongoDB driver: those of the URL,
// behind our defaults and below what is promised whatever the URL says.
func (c *config) driverOptions(uri string) error {
	o := options.Client().
		SetServerSelectionTimeout(defaultSelection).
		SetConnectTimeout(defaultConnect).
		SetAppName("holdfast").
		ApplyURI(uri)
	o.SetTimeout(c.timeout)
	o.SetWriteConcern(durable()).SetReadPreference(readpref.Primary())
	if o.ReadConcern == nil {
		o.SetReadConcern(readconcern.Majority())
	}
	if err := o.Validate(); err != nil {
		return invalidURL("%s", redact(strings.Join(strings.Fields(err.Error()), " "), c.secrets))
	}
	c.client = o
	return nil
}

// durable is the write concern of every change: in the journal of a majority.
// (A server that stands alone is a majority of one.)
func durable() *writeconcern.WriteConcern {
	journal := true
	return &writeconcern.WriteConcern{W: "majority", Journal: &journal}
}

// secretsOf lists what must not appear in an error, in every form that it may
// take there.
func secretsOf(u *url.URL) []string {
	var secrets []string
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password, url.QueryEscape(password), url.PathEscape(password))
		if _, raw, found := strings.Cut(u.User.String(), ":"); found {
			secrets = append(secrets, raw)
		}
	}
	query, _ := url.ParseQuery(u.RawQuery)
	for name, values := range query {
		switch strings.ToLower(name) {
		case "tlscertificatekeyfilepassword", "sslclientcertificatekeypassword", "authmechanismproperties":
			secrets = append(secrets, values...)
		}
	}
	return secrets
}

func invalidURL(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{driver.ErrInvalidURL}, args...)...)
}
