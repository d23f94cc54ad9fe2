package main

import (
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/transfer"
)

// maxTold bounds the values that stderr tells of one by one.
const maxTold = 100

// copyResult is what copy prints for programs.
type copyResult struct {
	Source string `json:"source"`
	Target string `json:"target"`
	transfer.Summary
	Verified *transfer.Verification `json:"verified,omitempty"`
}

// problem tells of a value that is not, or not the same, on the target.
func (c *copying) problem(step string, err error) {
	if c.failure == nil || errors.Is(err, holdfast.ErrDamaged) {
		c.failure = err
	}
	c.told++
	switch {
	case c.told == maxTold+1:
		err = errors.New("and more of this kind; the summary counts all")
	case c.told > maxTold:
		return
	case step == "verify":
		err = advise(fmt.Errorf("verify: not the same: %w", err), verifyStep(err))
	case errors.Is(err, transfer.ErrDiffers):
		err = advise(fmt.Errorf("left as it is: %w", err), "--overwrite replaces it")
	case errors.Is(err, holdfast.ErrInvalidName), errors.Is(err, holdfast.ErrInvalidJSON):
		err = advise(fmt.Errorf("left out: %w", err), "the target cannot hold it")
	default:
		err = fmt.Errorf("left out: %w", err)
	}
	c.progress.clear()
	c.a.complain(err)
}

func verifyStep(err error) string {
	if errors.Is(err, holdfast.ErrDamaged) {
		return nextStep(err)
	}
	return "copy again, with --resume, or with --overwrite to replace what differs"
}

func (c *copying) print(r copyResult) error {
	if c.a.json {
		return printJSON(c.a.stdout, r)
	}
	text := fmt.Sprintf("copied %s values, %s bytes, from %s to %s", thousands(int64(r.Copied+r.Replaced)),
		thousands(r.Bytes), r.Source, r.Target)
	for _, x := range []struct {
		n    int
		what string
	}{
		{r.Replaced, "of them replaced another one"}, {r.Equal, "were there already"}, {r.Differ, "differ and were left"},
		{r.Damaged, "damaged"}, {r.Refused, "refused by the target"},
	} {
		if x.n > 0 {
			text += fmt.Sprintf("\n  %s %s", thousands(int64(x.n)), x.what)
		}
	}
	if v := r.Verified; v != nil {
		text += fmt.Sprintf("\nverified: %s the same%s", thousands(int64(v.Same)), howSame(v.Exact))
		for _, x := range []struct {
			n    int
			what string
		}{{v.Differ, "differ"}, {v.Missing, "missing at the target"}, {v.Damaged, "damaged"}, {v.Extra, "at the target alone"}} {
			if x.n > 0 {
				text += fmt.Sprintf(", %s %s", thousands(int64(x.n)), x.what)
			}
		}
	}
	_, err := fmt.Fprintln(c.a.stdout, text)
	return output(err)
}

func howSame(exact bool) string {
	if exact {
		return ", byte for byte"
	}
	return ", value for value"
}

// outcome is the exit status: stderr has told what is behind it.
func (c *copying) outcome() error {
	if c.failure == nil {
		return nil
	}
	return &reported{c.failure}
}
