package transfer

import (
	"context"
	"errors"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

// judge tells whether a value is to be written where the target has listed one.
func (c *copier) judge(ctx context.Context, v *value) (write bool, err error) {
	there, err := c.to(v.key.Entity).Get(ctx, v.key.ID)
	switch {
	case errors.Is(err, holdfast.ErrNotFound):
		return true, nil
	case err == nil && c.same(v.data, there):
		c.count(func(s *Summary) { s.Equal++ })
		return false, nil
	case err != nil && !errors.Is(err, holdfast.ErrDamaged):
		return false, err
	case c.Existing == Overwrite:
		v.replace = true
		return true, nil
	case err == nil:
		err = ErrDiffers
	}
	return false, c.report(v.key, err)
}

// write writes values, many at once where the target can do that.
func (c *copier) write(ctx context.Context, values []value) error {
	if c.loader != nil {
		return c.load(ctx, values)
	}
	if c.batch == driver.BatchAny && c.applier != nil && len(values) > 0 {
		err := c.applier.Apply(ctx, conditions(values), operations(values))
		// The batch happens whole or not at all. A kill before this line, and a
		// value of it is on the target or none is: the next run compares.
		if err == nil {
			c.wrote(values...)
			return nil
		}
		if !ofOneValue(err) {
			return named(values[0].key, err)
		}
	}
	return each(c.dstShared, len(values), func(i int) error { return c.writeOne(ctx, values[i]) })
}

// load makes values each for itself. What is to be replaced, and where somebody
// has made one meanwhile, is written one by one.
func (c *copier) load(ctx context.Context, values []value) error {
	var single, fresh []value
	for _, v := range values {
		if v.replace {
			single = append(single, v)
		} else {
			fresh = append(fresh, v)
		}
	}
	all := make([]driver.Value, len(fresh))
	for i, v := range fresh {
		all[i] = driver.Value{Key: v.key, Data: v.data}
	}
	var made []value
	var failed error
	for i, err := range c.loader.Load(ctx, all) {
		switch {
		case err == nil:
			made = append(made, fresh[i])
		case errors.Is(err, holdfast.ErrConflict):
			single = append(single, fresh[i])
		default:
			if err = c.report(fresh[i].key, err); failed == nil {
				failed = err
			}
		}
	}
	// A kill before this line, and some of the values are on the target, each of
	// them whole: the next run compares.
	c.wrote(made...)
	if failed != nil {
		return failed
	}
	return each(c.dstShared, len(single), func(i int) error { return c.writeOne(ctx, single[i]) })
}

// conditions demand that there is nothing yet where nothing is to be replaced.
func conditions(values []value) []driver.Cond {
	conds := make([]driver.Cond, 0, len(values))
	for _, v := range values {
		if !v.replace {
			conds = append(conds, driver.Cond{Key: v.key})
		}
	}
	return conds
}

func operations(values []value) []driver.Op {
	ops := make([]driver.Op, len(values))
	for i, v := range values {
		ops[i] = driver.Op{Key: v.key, Data: v.data}
	}
	return ops
}

// ofOneValue tells whether a batch failed for what one of its values is, so that
// the others can be written without it.
func ofOneValue(err error) bool {
	for _, target := range []error{
		holdfast.ErrConflict, holdfast.ErrDamaged, holdfast.ErrInvalidName, holdfast.ErrInvalidJSON, errors.ErrUnsupported,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// maxAttempts bounds how often a value is tried that somebody else makes and
// removes in turns.
const maxAttempts = 10

// writeOne writes one value. Where somebody has made one meanwhile, it is judged
// like those that were there before.
func (c *copier) writeOne(ctx context.Context, v value) error {
	var err error
	for range maxAttempts {
		err = c.make(ctx, v)
		switch {
		case err == nil:
			c.wrote(v)
			return nil
		case v.replace || !errors.Is(err, holdfast.ErrConflict) && !errors.Is(err, holdfast.ErrDamaged):
			return c.report(v.key, err)
		}
		write, err := c.judge(ctx, &v)
		if err != nil || !write {
			return err
		}
	}
	return named(v.key, err)
}

// make writes a value where there is none, or whatever there is.
func (c *copier) make(ctx context.Context, v value) error {
	to := c.to(v.key.Entity)
	switch {
	case v.replace:
		return to.Put(ctx, v.key.ID, v.data)
	case c.applier != nil:
		one := []value{v}
		return c.applier.Apply(ctx, conditions(one), operations(one))
	}
	// Without conditions these are two steps: others must not write.
	has, err := to.Has(ctx, v.key.ID)
	switch {
	case err != nil:
		return err
	case has:
		return holdfast.ErrConflict
	}
	return to.Put(ctx, v.key.ID, v.data)
}

// wrote counts what is durable now.
func (c *copier) wrote(values ...value) {
	c.count(func(s *Summary) {
		for _, v := range values {
			if s.Bytes += int64(len(v.data)); v.replace {
				s.Replaced++
			} else {
				s.Copied++
			}
		}
	})
}
