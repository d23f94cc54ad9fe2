package mongostore_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/mongostore"
)

func TestURLs(t *testing.T) {
	parse := func(raw string) (*url.URL, string) {
		u, err := url.Parse(raw)
		must(t, err)
		o, database, location, durable, readOnly, err := mongostore.ParseURL(u)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		pool := "default"
		if o.MaxPoolSize != nil {
			pool = fmt.Sprint(*o.MaxPoolSize)
		}
		if o.WriteConcern.W != "majority" || !*o.WriteConcern.Journal || o.ReadPreference.Mode().String() != "primary" || *o.Timeout <= 0 {
			t.Errorf("%s: write concern %+v, %v, time limit %v", raw, o.WriteConcern, o.ReadPreference, *o.Timeout)
		}
		return u, fmt.Sprint(database, " ", location, " ", durable, readOnly, " pool ", pool, " ", *o.Timeout, " ", o.ReadConcern.Level,
			" ", strings.Join(o.Hosts, "+"), " tls ", o.TLSConfig != nil)
	}
	for raw, want := range map[string]string{
		"mongodb://h":                         "holdfast mongodb://h/holdfast false false pool default 20s majority h tls false",
		"mongodb://u:pw@h:1/db?authSource=x":  "db mongodb://h:1/db false false pool default 20s majority h:1 tls false",
		"mongodb://a:1,b:2/?replicaSet=rs0":   "holdfast mongodb://a:1,b:2/holdfast false false pool default 20s majority a:1+b:2 tls false",
		"mongodb://h/?durability=require":     "holdfast mongodb://h/holdfast true false pool default 20s majority h tls false",
		"mongodb://h/?mode=ro&maxPoolSize=7":  "holdfast mongodb://h/holdfast false true pool 7 20s majority h tls false",
		"mongodb://h/?timeoutMS=500&tls=true": "holdfast mongodb://h/holdfast false false pool default 500ms majority h tls true",
		"mongodb://h/?w=majority&journal=true&readPreference=primary&readConcernLevel=linearizable": "holdfast mongodb://h/holdfast false false pool default 20s linearizable h tls false",
		"mongodb://h/?MAXPOOLSIZE=3&Mode=rw": "holdfast mongodb://h/holdfast false false pool 3 20s majority h tls false",
	} {
		if _, got := parse(raw); got != want {
			t.Errorf("%s:\n got %s\nwant %s", raw, got, want)
		}
	}
}

// What would weaken the promises, and what nobody knows, is refused in one line
// that says what to do.
func TestURLsRefused(t *testing.T) {
	for parameter, words := range map[string]string{
		"w=1": "use majority", "w=0": "use majority", "journal=false": "use true", "readPreference=secondary": "use primary",
		"readConcernLevel=local": "majority or linearizable", "timeoutMS=0": "from 1", "timeoutMS=x": "from 1", "socketTimeoutMS=5": "timeoutMS",
		"wtimeoutMS=5": "timeoutMS", "maxStalenessSeconds=90": "primary", "readPreferenceTags=a:b": "primary",
		"durability=maybe": "use require", "mode=x": "use ro or rw", "nobody=knows": "unknown parameter", "maxpoolsize=1&maxpoolsize=2": "twice",
		"tlsAllowInvalidCertificates=true": "unknown parameter", "maxPoolSize=x": "invalid value", "tlsCAFile=/nowhere/ca.pem": "no such file",
		"a%zz": "name=value",
	} {
		_, err := driver.Open(t.Context(), "mongodb://u:secret@127.0.0.1:1/db?"+parameter+"&tlsCertificateKeyFilePassword=hidden", driver.OpenOptions{})
		if !errors.Is(err, driver.ErrInvalidURL) || !strings.Contains(err.Error(), words) || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", parameter, err, words)
		}
		if strings.Contains(fmt.Sprint(err), "secret") || strings.Contains(fmt.Sprint(err), "hidden") {
			t.Errorf("%s: a secret is told: %v", parameter, err)
		}
	}
	for raw, words := range map[string]string{
		"mongodb:h": "names no server", "mongodb:///db": "names no server", "mongodb://h/a.b": "database", "mongodb://h/a/b": "database",
		"mongodb://h/db#x": "%23", "mongodb://h/" + strings.Repeat("x", 64): "63 bytes",
	} {
		if _, err := driver.Open(t.Context(), raw, driver.OpenOptions{}); !errors.Is(err, driver.ErrInvalidURL) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", raw, err, words)
		}
	}
}

// A password that is wrong, a server that is not there, a URL that is wrong:
// the password appears in no error, in none of its forms.
func TestPasswordsStayOut(t *testing.T) {
	h := newFerret(t, testserver.FerretOptions{})
	const password, escaped = "s3cr3t/&%", "s3cr3t%2F%26%25"
	dead := fmt.Sprintf("127.0.0.1:%d", testserver.FreePort(t))
	for _, raw := range []string{
		"mongodb://user:" + escaped + "@" + h.ferret.Addr + "/db",
		"mongodb://user:" + escaped + "@" + dead + "/db?serverSelectionTimeoutMS=200",
		"mongodb+srv://user:" + escaped + "@" + h.ferret.Addr + "/db",
		"mongodb://user:" + escaped + "@" + h.ferret.Addr + "/db?authMechanism=unheard",
		"mongodb://user:" + escaped + "@a,b/db?directConnection=true",
	} {
		_, err := driver.Open(t.Context(), raw, driver.OpenOptions{})
		if err == nil {
			t.Errorf("%s: opened", raw)
			continue
		}
		t.Log(err)
		for _, form := range []string{password, escaped, url.QueryEscape(password), "s3cr3t"} {
			if strings.Contains(err.Error(), form) {
				t.Errorf("the password is told: %v", err)
			}
		}
	}
	s := open(t, h.place(t).url)
	if p := s.Properties(); strings.Contains(p.Location, "@") {
		t.Errorf("Location: %s", p.Location)
	}
}

// Whatever words the driver finds.
func TestRedact(t *testing.T) {
	u, err := url.Parse("mongodb://u:p%2Fw%20%26@h/?tlsCertificateKeyFilePassword=hid%20den")
	must(t, err)
	for _, told := range []string{"p/w &", "p%2Fw+%26", "p%2Fw%20&", "hid den"} {
		if got := mongostore.Redact("failed with "+told+" there", u); got != "failed with *** there" {
			t.Errorf("%q: %s", told, got)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	start := time.Now()
	_, err := driver.Open(t.Context(), fmt.Sprintf("mongodb://127.0.0.1:%d/?serverSelectionTimeoutMS=300", testserver.FreePort(t)), driver.OpenOptions{})
	if err == nil || !strings.Contains(err.Error(), "no server to be reached at mongodb://127.0.0.1:") {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 20*time.Second { // a bound against hanging
		t.Errorf("it took %v", took)
	}
}

// What FerretDB does not promise is said, in Properties, in the report and in
// the log, and refused on demand.
func TestWhatIsNotPromised(t *testing.T) {
	h := newFerret(t, testserver.FerretOptions{})
	p := h.place(t)
	s := open(t, p.url)
	properties := s.Properties()
	if properties.Durable || properties.Shared || properties.Batch != driver.BatchKey || properties.ExactBytes {
		t.Errorf("%+v", properties)
	}
	for _, word := range []string{"FerretDB ignores write concerns", "no transactions", "not of another one"} {
		if !slices.ContainsFunc(properties.Notes, func(note string) bool { return strings.Contains(note, word) }) {
			t.Errorf("no note has %q: %q", word, properties.Notes)
		}
	}
	report := s.Report()
	if len(report.Findings) != 1 || report.Findings[0].Problem != driver.ProblemServer || report.Damaged() != 0 {
		t.Errorf("%+v", report)
	}
	_, err := driver.Open(t.Context(), p.with("durability=require"), driver.OpenOptions{})
	if err == nil || !strings.Contains(err.Error(), "durability=require") || !strings.Contains(err.Error(), "FerretDB ignores") {
		t.Errorf("durability=require: %v", err)
	}
	if _, watches := any(s).(driver.Watcher); watches {
		t.Error("it claims to watch")
	}
}
