package filestore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

func init() { driver.Register("file", OpenURL) }

// OpenURL opens "file:./logs/data" (relative to the working directory) or
// "file:///srv/bot/data". Parameters, after a question mark:
//
//	mode=ro          for reading alone (default: rw)
//	journal=off      write every change to its file directly (default: on)
//	history=SIZE     that the journal may take, such as 256MiB (the default) or 1GiB
//	history-age=D    older states may go, such as 72h or 30d (the default); 0: no limit
//	cache=SIZE       of values to hold in memory (64MiB)
//	verify=full      read every file when opening (default: quick)
//	salvage=on       open though changes are lost, see Options.Salvage (off)
//	invalid=P        quarantine, delete or refuse (see Policy)
//	remove-tries=N   of unlinking an invalid file, for invalid=delete (5)
//	remove-delay=D   between those tries, such as 1s
func OpenURL(ctx context.Context, u *url.URL, d driver.OpenOptions) (driver.Store, error) {
	dir, err := urlPath(u)
	if err != nil {
		return nil, err
	}
	o := &Options{Logger: d.Logger, ReadOnly: d.ReadOnly, Verify: d.Repair, Salvage: d.Repair}
	err = driver.Params(u, map[string]func(string) error{
		"mode":         func(v string) error { return setMode(o, v) },
		"journal":      func(v string) error { return setJournal(o, v) },
		"history":      func(v string) error { return setSize(&o.HistorySize, v) },
		"history-age":  func(v string) error { return setAge(o, v) },
		"cache":        func(v string) error { return setSize(&o.Cache, v) },
		"verify":       func(v string) error { return setVerify(o, v) },
		"salvage":      func(v string) error { return setSalvage(o, v) },
		"invalid":      func(v string) error { return setInvalid(o, v) },
		"remove-tries": func(v string) error { return setTries(o, v) },
		"remove-delay": func(v string) error { return setDelay(o, v) },
	})
	if err != nil {
		return nil, err
	}
	s, err := Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func urlPath(u *url.URL) (string, error) {
	switch {
	case u.Host != "" && u.Host != "localhost" && u.User == nil:
		return "", invalidURL("file://%s: names a host: write file:PATH or file:///PATH", u.Host)
	case u.User != nil:
		return "", invalidURL("file: takes no user: write file:PATH or file:///PATH")
	case u.Fragment != "":
		return "", invalidURL("# begins a fragment: write %%23 for a # in a path")
	}
	dir := u.Path
	if u.Opaque != "" {
		var err error
		if dir, err = url.PathUnescape(u.Opaque); err != nil {
			return "", invalidURL("a %% in the path is not followed by two hex digits: write %%25 for it")
		}
	}
	if dir == "" {
		return "", invalidURL("file: names no directory: write file:./logs/data")
	}
	if runtime.GOOS == "windows" && len(dir) > 2 && dir[0] == '/' && dir[2] == ':' {
		dir = strings.TrimPrefix(dir, "/") // file:///C:/x
	}
	return dir, nil
}

func invalidURL(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{driver.ErrInvalidURL}, args...)...)
}

func setMode(o *Options, v string) error {
	switch v {
	case "ro":
		o.ReadOnly = true
	case "rw":
	default:
		return errors.New("use ro or rw")
	}
	return nil
}

func setInvalid(o *Options, v string) error {
	switch p := Policy(v); p {
	case Quarantine, Delete, Refuse:
		o.Invalid = p
		return nil
	}
	return errors.New("use quarantine, delete or refuse")
}

func setTries(o *Options, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 1000 {
		return errors.New("use a whole number from 1 to 1000")
	}
	o.RemoveTries = n
	return nil
}

func setDelay(o *Options, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 || d > time.Hour {
		return errors.New("use a duration such as 200ms or 1s, up to 1h")
	}
	o.RemoveDelay = d
	return nil
}

func setJournal(o *Options, v string) error {
	switch m := Mode(v); m {
	case On, Off:
		o.Journal = m
		return nil
	}
	return errors.New("use on or off")
}

func setVerify(o *Options, v string) error {
	switch v {
	case "full":
		o.Verify = true
	case "quick":
	default:
		return errors.New("use full or quick")
	}
	return nil
}

func setSalvage(o *Options, v string) error {
	switch v {
	case "on":
		o.Salvage = true
	case "off":
	default:
		return errors.New("use on or off")
	}
	return nil
}

// setSize takes a number of bytes, with a unit or without.
func setSize(size *int64, v string) error {
	number, unit := strings.TrimRight(v, "KMGTiB"), int64(1)
	switch v[len(number):] {
	case "", "B":
	case "KiB":
		unit = 1 << 10
	case "MiB":
		unit = 1 << 20
	case "GiB":
		unit = 1 << 30
	default:
		number = ""
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > 1<<40/unit {
		return errors.New("use a size such as 64MiB or 1GiB, up to 1024GiB")
	}
	*size = n * unit
	return nil
}

// setAge takes a duration, which may be in days.
func setAge(o *Options, v string) error {
	if days, found := strings.CutSuffix(v, "d"); found {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			return errors.New("use a number of days from 1d to 36500d")
		}
		o.HistoryAge = time.Duration(n) * 24 * time.Hour
		return nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return errors.New("use a duration such as 72h or 30d, or 0 for no limit")
	}
	if o.HistoryAge = d; d == 0 {
		o.HistoryAge = -1
	}
	return nil
}
