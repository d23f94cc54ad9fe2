package main

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
)

func isMem(rawURL string) bool { return strings.HasPrefix(rawURL, "mem:") }

// apart refuses two directories of which one is the other or lies in it: there
// its files would be values of the other. Other backends tell when they are
// open.
func apart(from, to string) error {
	a, b := directory(from), directory(to)
	switch {
	case a == "" || b == "":
		return nil
	case a == b:
		return errors.New("source and target are the same directory: name another target")
	case within(a, b) || within(b, a):
		return errors.New("one of the directories lies within the other: name one beside it")
	}
	return nil
}

// directory is where a file: URL leads, without symbolic links; "" for others.
func directory(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	dir := u.Path
	if u.Opaque != "" {
		dir, err = url.PathUnescape(u.Opaque)
	}
	if err != nil || dir == "" {
		return ""
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return ""
	}
	return resolved(dir)
}

// resolved follows symbolic links as far as there is something.
func resolved(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return dir
	}
	return filepath.Join(resolved(parent), filepath.Base(dir))
}

// within tells whether b is below a.
func within(a, b string) bool {
	rel, err := filepath.Rel(a, b)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
