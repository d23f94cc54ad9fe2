package storetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/url"
	"path"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

const (
	ids        = "Name/any id round-trips or is refused"
	entities   = "Name/any entity round-trips or is refused"
	neighbours = "Name/neighbours do not run into each other"
	broken     = "Name/an id that no backend takes is ErrInvalidName"
)

var nameMutants = []mutant{
	{name: "case-folded", seen: ids, twist: renamedIDs(strings.ToLower)},
	{name: "normalized", seen: ids, twist: renamedIDs(func(id string) string {
		return strings.ReplaceAll(id, "e\u0301", "\u00e9")
	})},
	{name: "path-cleaned", seen: ids, twist: renamedIDs(path.Clean)},
	{name: "base-name", seen: ids, twist: renamedIDs(path.Base)},
	{name: "trimmed", seen: ids, twist: renamedIDs(func(id string) string { return "x" + strings.TrimRight(id, ". ") })},
	{name: "unescaped", seen: ids, twist: renamedIDs(func(id string) string {
		if s, err := url.PathUnescape(id); err == nil && driver.ValidateKey(driver.Key{Entity: "e", ID: s}) == nil {
			return s
		}
		return id
	})},
	{name: "truncated", seen: ids, twist: renamedIDs(func(id string) string { return id[:min(len(id), 255)] })},
	{name: "colons-replaced", seen: ids, twist: renamedIDs(func(id string) string { return strings.ReplaceAll(id, "/", "_") })},
	{name: "extension-cut", seen: ids, twist: renamedIDs(func(id string) string { return "x" + strings.TrimSuffix(id, ".json") })},
	{name: "dot-files-unlisted", seen: ids, twist: func(w *twisted) {
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] {
			return mapped(w.handle.IDs(ctx, e), func(id string) (string, bool) { return id, !strings.HasPrefix(id, ".") })
		}
	}},
	{name: "refuses-undeclared", seen: ids, twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if strings.Contains(k.ID, "/") {
				return driver.ErrInvalidName
			}
			return w.handle.Put(ctx, k, data)
		}
	}},
	{name: "entity-case-folded", seen: entities, twist: renamedEntities(strings.ToLower)},
	{name: "entity-truncated", seen: entities, twist: renamedEntities(func(e string) string { return e[:min(len(e), 255)] })},
	{name: "hidden-entity-unlisted", seen: entities, twist: func(w *twisted) {
		w.entities = func(ctx context.Context) iter.Seq2[string, error] {
			return mapped(w.handle.Entities(ctx), func(e string) (string, bool) { return e, !strings.HasPrefix(e, ".") })
		}
	}},
	{name: "joined-by-colon", seen: neighbours, twist: func(w *twisted) { renamed(w, joinedBy(":")) }},
	{name: "joined-by-slash", seen: neighbours, twist: func(w *twisted) { renamed(w, joinedBy("/")) }},
	{name: "file-in-place-of-directory", seen: neighbours, twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if strings.HasSuffix(k.Entity, ".json") {
				return errors.New("not a directory")
			}
			return w.handle.Put(ctx, k, data)
		}
	}},
	{name: "cut-at-NUL", seen: broken, twist: renamedIDs(func(id string) string {
		id, _, _ = strings.Cut(id, "\x00")
		return id
	})},
	{name: "repaired-UTF-8", seen: broken, twist: renamedIDs(func(id string) string { return strings.ToValidUTF8(id, "\ufffd") })},
	{name: "absolute-entity", seen: "Name/an entity that no backend takes is ErrInvalidName", twist: renamedEntities(func(e string) string {
		return strings.TrimPrefix(e, "/")
	})},
}

func joinedBy(sep string) func(driver.Key) driver.Key {
	return func(k driver.Key) driver.Key { return driver.Key{Entity: "all", ID: k.Entity + sep + k.ID} }
}

const (
	exact   = "JSON/a value comes back as it was put"
	refuses = "JSON/Put refuses what is not one JSON value and the old value stays"
)

var jsonMutants = []mutant{
	{name: "through-float64", seen: exact, twist: rewritten(func(data []byte) ([]byte, error) {
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			return data, nil
		}
		return json.Marshal(v)
	})},
	{name: "compacted", seen: exact, twist: rewritten(func(data []byte) ([]byte, error) {
		var b bytes.Buffer
		if err := json.Compact(&b, data); err != nil {
			return data, nil
		}
		return b.Bytes(), nil
	})},
	{name: "trimmed-data", seen: exact, twist: rewritten(func(data []byte) ([]byte, error) { return bytes.TrimSpace(data), nil })},
	{name: "refuses-large-data", seen: exact, twist: rewritten(func(data []byte) ([]byte, error) {
		if len(data) > 1<<16 {
			return nil, errors.New("too large")
		}
		return data, nil
	})},
	{name: "first-value-only", seen: refuses, twist: rewritten(func(data []byte) ([]byte, error) {
		var raw json.RawMessage
		if json.NewDecoder(bytes.NewReader(data)).Decode(&raw) != nil {
			return data, nil
		}
		return raw, nil
	})},
	{name: "BOM-stripped", seen: refuses, twist: rewritten(func(data []byte) ([]byte, error) {
		return bytes.TrimPrefix(data, []byte("\ufeff")), nil
	})},
	{name: "UTF-8-repaired", seen: refuses, twist: rewritten(func(data []byte) ([]byte, error) {
		return bytes.ToValidUTF8(data, []byte("\ufffd")), nil
	})},
	{name: "empty-is-null", seen: refuses, twist: rewritten(func(data []byte) ([]byte, error) {
		if len(data) == 0 {
			return []byte("null"), nil
		}
		return data, nil
	})},
	{name: "refused-put-wipes", seen: refuses, twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			err := w.handle.Put(ctx, k, data)
			if errors.Is(err, driver.ErrInvalidJSON) {
				_ = w.handle.Delete(ctx, k)
			}
			return err
		}
	}},
}

// rewritten makes a store that puts what f makes of the data.
func rewritten(f func([]byte) ([]byte, error)) func(*twisted) {
	return func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			data, err := f(data)
			if err != nil {
				return err
			}
			return w.handle.Put(ctx, k, data)
		}
	}
}
