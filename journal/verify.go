package journal

import (
	"context"
	"slices"
)

// progressStep is how many records lie between two calls of progress.
const progressStep = 1024

// Verify reads everything that is kept and calls damage for each stretch that
// cannot be read. progress, if not nil, is told now and then how many records
// were sound so far, and once at the end. Records that are written meanwhile are
// not looked at; segments given up meanwhile are passed over.
//
// Errors: the context's, damage's, the file system's.
func (j *Journal) Verify(ctx context.Context, progress func(records int), damage func(Damage) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	chain, broken, last := j.snapshot()
	known := last + 1
	n := 0
	t := tour{
		fsys: j.fsys, dir: j.dir, chain: chain, bad: broken, known: known,
		record: counter(ctx, &n, progress), damage: damage, gone: j.gone,
	}
	for _, s := range chain {
		ok, err := s.stands(j.fsys, j.dir)
		if err != nil {
			return err
		}
		if !ok && !j.gone(s) { // in use, and the file says otherwise
			d := Damage{File: s.name, From: s.head.first, To: s.next - 1, Detail: "the segment header is destroyed"}
			if err := damage(d); err != nil {
				return err
			}
		}
	}
	if err := t.run(); err != nil {
		return err
	}
	if progress != nil {
		progress(n)
	}
	return nil
}

// gone reports whether a segment has been given up.
func (j *Journal) gone(s *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !slices.ContainsFunc(j.chain, func(o *segment) bool { return o.head.number == s.head.number })
}

// counter returns a function that counts records, and ends when ctx does.
func counter(ctx context.Context, n *int, progress func(int)) func(event) error {
	return func(event) error {
		*n++
		if *n%progressStep != 0 {
			return nil
		}
		if progress != nil {
			progress(*n)
		}
		return ctx.Err()
	}
}
