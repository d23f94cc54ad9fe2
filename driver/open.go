package driver

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// OpenOptions is what package holdfast hands to a backend beside the URL.
type OpenOptions struct {
	Logger   *slog.Logger // never nil
	ReadOnly bool         // take no lock, change nothing
	Repair   bool         // read everything, put right what can be put right, and open in spite of losses; they are reported
}

// Opener opens a backend by URL. It answers ErrInvalidURL to what it does not
// understand, parameters that it does not know included.
type Opener func(ctx context.Context, u *url.URL, o OpenOptions) (Store, error)

// registry is the one piece of package-level state that Holdfast has.
var registry = struct {
	sync.RWMutex
	openers map[string]Opener
}{openers: map[string]Opener{}}

// Register makes a URL scheme known. A backend's package calls it from init; it
// panics if the scheme is taken, which is a bug of the programmer.
func Register(scheme string, open Opener) {
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.openers[scheme]; taken {
		panic("holdfast: scheme registered twice: " + scheme)
	}
	registry.openers[scheme] = open
}

// Open opens a backend by URL, such as "file:./logs/data" or "mem:".
func Open(ctx context.Context, rawURL string, o OpenOptions) (Store, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		// The error of package url repeats the whole URL, which may hold a
		// password.
		return nil, fmt.Errorf("%w: it cannot be parsed: write it as scheme:place, such as file:./logs/data", ErrInvalidURL)
	}
	if u.Scheme == "" {
		return nil, fmt.Errorf("%w: it has no scheme: write file:PATH for a directory (known schemes: %s)", ErrInvalidURL, schemes())
	}
	registry.RLock()
	open := registry.openers[u.Scheme]
	registry.RUnlock()
	if open == nil {
		return nil, fmt.Errorf("%w: unknown scheme %q: use one of %s (a backend is known once its package is built in)",
			ErrInvalidURL, u.Scheme, schemes())
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return open(ctx, u, o)
}

// parseURL is url.Parse for databases too, whose URLs may name several hosts,
// "a:1,b,[::1]:2", or the path of a socket, "%2Ftmp%2Fa.sock". Package url
// refuses most of these. Host then is what stands there, unescaped.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	scheme, rest, found := strings.Cut(rawURL, "://")
	if err == nil || !found {
		return u, err
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	begin := strings.LastIndexByte(rest[:end], '@') + 1
	hosts := rest[begin:end]
	if strings.ContainsAny(hosts, " \\<>\"") || !strings.Contains(hosts, ",") && !strings.Contains(hosts, "%") {
		return nil, err
	}
	place, unescaping := url.PathUnescape(hosts)
	if unescaping != nil {
		return nil, unescaping
	}
	if u, err = url.Parse(scheme + "://" + rest[:begin] + "host" + rest[end:]); err == nil {
		u.Host = place
	}
	return u, err
}

// Params reads a URL's query for an Opener: known maps each parameter's name to
// what to do with its value. An unknown or repeated parameter is ErrInvalidURL,
// and so is a value that is refused.
func Params(u *url.URL, known map[string]func(value string) error) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("%w: parameters cannot be parsed: write name=value, joined by &", ErrInvalidURL)
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	for name, values := range q {
		set, ok := known[name]
		if !ok {
			return fmt.Errorf("%w: unknown parameter %q: %s: takes %s", ErrInvalidURL, name, u.Scheme, list(names))
		}
		if len(values) > 1 {
			return fmt.Errorf("%w: parameter %q stands there twice", ErrInvalidURL, name)
		}
		if err := set(values[0]); err != nil {
			// Without the value: a parameter may hold a secret.
			return fmt.Errorf("%w: parameter %s: %w", ErrInvalidURL, name, err)
		}
	}
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func schemes() string {
	registry.RLock()
	defer registry.RUnlock()
	names := make([]string, 0, len(registry.openers))
	for name := range registry.openers {
		names = append(names, name)
	}
	slices.Sort(names)
	return list(names)
}
