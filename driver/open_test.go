package driver_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// errSeen ends an opening whose URL is all that counts.
var errSeen = errors.New("seen")

func TestURLsOfDatabases(t *testing.T) {
	var seen *url.URL
	driver.Register("seen", func(_ context.Context, u *url.URL, _ driver.OpenOptions) (driver.Store, error) {
		seen = u
		return nil, errSeen
	})
	for raw, host := range map[string]string{
		"seen://one/db":                         "one",
		"seen://u:p%40w@one:1/db?a=b":           "one:1",
		"seen://a:1,b:2/db":                     "a:1,b:2",
		"seen://u:p%40w@a:1,b/db?a=b":           "a:1,b",
		"seen://u:p%40w@[::1]:1,b,c:3?a=b":      "[::1]:1,b,c:3",
		"seen://%2Ftmp%2Fa.sock/db":             "/tmp/a.sock",
		"seen://u:p%40w@%2Ftmp%2Fa.sock,b/?a=b": "/tmp/a.sock,b",
	} {
		_, err := driver.Open(t.Context(), raw, driver.OpenOptions{})
		if !errors.Is(err, errSeen) || seen.Host != host {
			t.Errorf("%s: host %q, error %v; want %q", raw, seen.Host, err, host)
			continue
		}
		if password, ok := seen.User.Password(); strings.Contains(raw, "@") && (!ok || password != "p@w") {
			t.Errorf("%s: password %q", raw, password)
		}
		if strings.Contains(raw, "?") != (seen.Query().Get("a") == "b") {
			t.Errorf("%s: query %q", raw, seen.RawQuery)
		}
	}
	for _, raw := range []string{"seen://u:secret@a:x/db", "seen://u:secret@a:1,b c/db", "seen://u:se%cret@a:1,b/db", "seen://u:secret@%zz,b/db", ":"} {
		_, err := driver.Open(t.Context(), raw, driver.OpenOptions{})
		if !errors.Is(err, driver.ErrInvalidURL) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want ErrInvalidURL", raw, err)
		}
	}
}
