package transfer

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

// Verification counts what Verify found.
type Verification struct {
	Same    int  `json:"same"`    // of equal hashes
	Differ  int  `json:"differ"`  // of other ones
	Missing int  `json:"missing"` // at the target
	Damaged int  `json:"damaged"` // on either side
	Extra   int  `json:"extra"`   // that the target alone has: no fault
	Exact   bool `json:"exact"`   // hashes of the bytes; else of the values
}

// OK tells whether the target holds all that the source does.
func (v Verification) OK() bool { return v.Differ+v.Missing+v.Damaged == 0 }

// Verify reads every value of src and the one of the same name in dst, and
// compares their SHA-256: of the bytes where both backends keep those, else of
// the value in a canonical form, in which the order of an object's members and
// the way numbers and characters are written do not count. It changes nothing.
// Each value that is not the same is told to Options.Problem.
//
// Neither side should be written to meanwhile. What a process has just written it
// may find in a cache of its own: open dst anew to see what is stored.
func Verify(ctx context.Context, src, dst *holdfast.Store, o *Options) (Verification, error) {
	opt, err := o.filled()
	if err != nil {
		return Verification{}, fail(err)
	}
	opt.Existing = Keep
	c := newCopier(src, dst, opt)
	c.checked.Exact = c.exact
	if err := c.prepare(ctx); err != nil {
		return Verification{}, fail(err)
	}
	c.empty = false
	if err := c.run(ctx, c.verifyChunk); err != nil {
		return c.checked, fail(err)
	}
	total, err := c.countTarget(ctx)
	c.checked.Extra = max(0, total-c.onTarget)
	return c.checked, fail(err)
}

func (c *copier) verifyChunk(ctx context.Context, values []value) error {
	var bytes int64
	sizes := make([]int, len(values))
	err := each(c.srcShared || c.dstShared, len(values), func(i int) (err error) {
		sizes[i], err = c.verifyOne(ctx, &values[i])
		return err
	})
	for _, n := range sizes {
		bytes += int64(n)
	}
	c.tell(len(values), bytes)
	return err
}

func (c *copier) verifyOne(ctx context.Context, v *value) (size int, err error) {
	c.fetch(ctx, v)
	if errors.Is(v.err, holdfast.ErrNotFound) {
		return 0, nil // removed since it was listed
	}
	want, err := v.data, v.err
	v.data = nil // it is not needed any more
	there, same := v.there != nil, false
	switch {
	case err != nil:
	case there && v.there.known && v.there.sum == c.digest(want):
		same = true
	default: // it may have been written since it was listed
		var got []byte
		got, err = c.to(v.key.Entity).Get(ctx, v.key.ID)
		if there = !errors.Is(err, holdfast.ErrNotFound); !there {
			err = nil
		}
		same = there && err == nil && c.digest(got) == c.digest(want)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if there {
		c.onTarget++
	}
	switch {
	case errors.Is(err, holdfast.ErrDamaged):
		c.checked.Damaged++
	case err != nil:
		return 0, verifyError(v.key, err)
	case !there:
		c.checked.Missing++
		err = ErrMissing
	case same:
		c.checked.Same++
		return len(want), nil
	default:
		c.checked.Differ++
		err = ErrDiffers
	}
	c.Problem(verifyError(v.key, err))
	return len(want), nil
}

func verifyError(k driver.Key, err error) error {
	var already *holdfast.Error
	if errors.As(err, &already) {
		return err
	}
	return &holdfast.Error{Op: "verify", Entity: k.Entity, ID: k.ID, Err: err}
}

// digest is the hash of what counts of a value.
func (c *copier) digest(data []byte) [sha256.Size]byte {
	if !c.exact {
		if canonical, err := canonicalJSON(data); err == nil {
			data = canonical
		}
	}
	return sha256.Sum256(data)
}

// countTarget counts what the target holds of the entities in question.
func (c *copier) countTarget(ctx context.Context) (int, error) {
	entities, err := c.entities(ctx, c.dst)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, entity := range entities {
		n, err := c.to(entity).Len(ctx)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
