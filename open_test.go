package holdfast_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

func TestOpenErrors(t *testing.T) {
	for _, x := range []struct{ url, want string }{
		{"", "open: store URL: it has no scheme: write file:PATH"},
		{"./logs/data", "open: store URL: it has no scheme: write file:PATH"},
		{"/logs/data", "open: store URL: it has no scheme: write file:PATH"},
		{"nosuch:x", `open: store URL: unknown scheme "nosuch": use one of `},
		{"mem:?x=1", `open: store URL: unknown parameter "x": mem: takes none`},
		{"mem:?%zz", "open: store URL: parameters cannot be parsed"},
		{"mem:?a;b", "open: store URL: parameters cannot be parsed"},
		{"mem:\x00", "open: store URL: it cannot be parsed"},
	} {
		s, err := holdfast.Open(t.Context(), x.url, nil)
		var e *holdfast.Error
		if s != nil || !errors.As(err, &e) || !strings.HasPrefix(err.Error(), x.want) {
			t.Errorf("Open(%q): got %v, want %q", x.url, err, x.want)
		}
	}
}

// A password that stands in a log is everybody's.
func TestOpenErrorsHoldNoPassword(t *testing.T) {
	for _, raw := range []string{
		"nosuch://user:s3cret@host/db",
		"://user:s3cret@host/db",
		"//user:s3cret@host/db",
		"no such://user:s3cret@host/db",
		"nosuch://user:s3cret@host:port/db",
		"nosuch://user:s3cret@ho st/db",
		"nosuch://user:s3cret%zz@host/db",
		"mem://user:s3cret@host?x=1",
		"mem:?password=s3cret",
		"mem:?password=s3cret&password=s3cret",
		"mem:?password=s3cret%zz",
		"test-open:?wait=1s&wait=2s",
	} {
		_, err := openTest(t, raw, nil)
		if err == nil {
			t.Errorf("Open(%q): no error", raw)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open(%q): the error has the password: %v", raw, err)
		}
	}
}

// handed is what the backend "test-open:" was opened with.
var handed struct {
	register sync.Once
	options  driver.OpenOptions
	wait     time.Duration
	err      error
}

func openTest(t *testing.T, rawURL string, o *holdfast.Options) (*holdfast.Store, error) {
	t.Helper()
	handed.register.Do(func() {
		driver.Register("test-open", func(_ context.Context, u *url.URL, o driver.OpenOptions) (driver.Store, error) {
			err := driver.Params(u, map[string]func(string) error{"wait": func(v string) (err error) {
				handed.wait, err = time.ParseDuration(v)
				return err
			}})
			handed.options = o
			return memstore.New(), errors.Join(err, handed.err)
		})
	})
	return holdfast.Open(t.Context(), rawURL, o)
}

func TestOpenHandsOptionsOver(t *testing.T) {
	for _, o := range []*holdfast.Options{nil, {}, {ReadOnly: true}} {
		s, err := openTest(t, "test-open:?wait=3s", o)
		if err != nil {
			t.Fatal(err)
		}
		readOnly := o != nil && o.ReadOnly
		if handed.options.Logger == nil || handed.options.ReadOnly != readOnly || handed.wait != 3*time.Second {
			t.Errorf("%+v: handed over %+v, wait %v", o, handed.options, handed.wait)
		}
		if got := s.Properties().ReadOnly; got != readOnly {
			t.Errorf("%+v: Properties.ReadOnly is %v", o, got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenParameterErrors(t *testing.T) {
	for raw, want := range map[string]string{
		"test-open:?wait=soon":      "open: store URL: parameter wait: ",
		"test-open:?wait=1s&wait=1": `open: store URL: parameter "wait" stands there twice`,
		"test-open:?Wait=1s":        `open: store URL: unknown parameter "Wait": test-open: takes wait`,
	} {
		if _, err := openTest(t, raw, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Open(%q): got %v, want %q", raw, err, want)
		}
	}
}

func TestOpenNamesTheHolder(t *testing.T) {
	handed.err = &driver.LockedError{Path: "logs/data", PID: 42, Host: "box", Since: time.Unix(0, 0)}
	defer func() { handed.err = nil }()
	_, err := openTest(t, "test-open:", nil)
	if !errors.Is(err, holdfast.ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
	want := "open: logs/data is held by process 42 on box since 1970-01-01T00:00:00Z: stop that process, or open for reading alone"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestOpenMakesStoresOfTheirOwn(t *testing.T) {
	a, b := newStore(t, memstore.New()), newStore(t, memstore.New())
	put(t, collection[int](t, a, "e"), "x", 1)
	if has, err := collection[int](t, b, "e").Has(t.Context(), "x"); has || err != nil {
		t.Errorf("Has in another store: %v, %v", has, err)
	}
}

func TestRegisterTwicePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	driver.Register("mem", nil)
}

func TestNewOfNothing(t *testing.T) {
	if s, err := holdfast.New(nil, nil); s != nil || err == nil {
		t.Errorf("New(nil): %v, %v", s, err)
	}
	if c, err := holdfast.NewCollection[int](nil, "e", nil); c != nil || err == nil {
		t.Errorf("NewCollection(nil): %v, %v", c, err)
	}
}
