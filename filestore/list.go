package filestore

import (
	"context"
	"errors"
	"iter"
	"path"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// IDs implements driver.Lister: a snapshot.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return s.sequence(ctx, func() ([]string, error) { return s.present(entity) })
}

// present lists an entity in byte order, damaged values included.
func (s *Store) present(entity string) ([]string, error) {
	if err := s.admits(driver.Key{Entity: entity, ID: "x"}); err != nil {
		return nil, err
	}
	switch {
	case s.j != nil:
		return s.j.ids(entity), nil
	case s.f != nil:
		return s.f.ids(entity)
	}
	return s.ids(entity)
}

// Entities implements driver.Lister: a snapshot.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return s.sequence(ctx, func() ([]string, error) {
		switch {
		case s.j != nil:
			return s.j.entities(), nil
		case s.f != nil:
			return s.f.entities(ctx)
		}
		return s.entities(ctx)
	})
}

func (s *Store) sequence(ctx context.Context, list func() ([]string, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names, err := s.snapshot(ctx, list)
		for _, name := range names {
			if err = ctx.Err(); err != nil || !yield(name, nil) {
				break
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

// snapshot does not hold the store open while the consumer runs: that would
// let a consumer that calls Close wait for itself.
func (s *Store) snapshot(ctx context.Context, list func() ([]string, error)) ([]string, error) {
	done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return list()
}

// ids is present where the files alone count.
func (s *Store) ids(entity string) ([]string, error) {
	dir, err := s.locateEntity(entity)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = s.amongMarks(func(marked []driver.Key) {
		for _, k := range marked {
			if k.Entity == entity {
				ids = append(ids, k.ID)
			}
		}
	}, func() error {
		entries, err := s.fs.ReadDir(dir)
		for _, e := range entries {
			if id, ok := s.names.decode(e.Name(), idName); ok {
				ids = append(ids, id)
			}
		}
		if errors.Is(err, vfs.ErrNotRegular) {
			if link, _ := s.linked(path.Join(dir, "x")); link != nil {
				return link
			}
		}
		return ignoreNotExist(err)
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (s *Store) entities(ctx context.Context) ([]string, error) {
	var names []string
	err := s.amongMarks(func(marked []driver.Key) {
		for _, k := range marked {
			names = append(names, k.Entity)
		}
	}, func() error {
		w := &walker{s: s, refuse: refused, visit: func(d directory) error {
			for _, f := range d.files {
				if _, ok := s.names.decode(f.Name, idName); ok {
					names = append(names, d.entity)
					break
				}
			}
			return nil
		}}
		return w.walk(ctx)
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// amongMarks gives the marked keys before and after it lists files. Before alone
// would miss what goes to quarantine meanwhile, after alone what is healed.
func (s *Store) amongMarks(marked func([]driver.Key), list func() error) error {
	for i := range 2 {
		if s.opt.ReadOnly { // the owner may have opened or resolved marks
			if err := s.loadMarks(); err != nil {
				return err
			}
		}
		marked(s.marks.keys())
		if i == 0 {
			if err := list(); err != nil {
				return err
			}
		}
	}
	return nil
}
