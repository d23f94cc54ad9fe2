package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/transfer"
)

const copyHelp = `Copy carries the values of the store SRC over to the store DST, whatever the two
backends are: all values, or those of the entities that are named. Both are
URLs; --store has no part in it. SRC is only read, beside the process that has
it. Histories, revisions and times are not copied, nor, unless it is named, who
holds a lease.

A target that holds values of what is to be copied is refused, unless one of
these says what becomes of them:

  --resume      go on with a copy that was interrupted: values that are equal
                are passed over, those that differ are left, and told
  --overwrite   the same, but values that differ are replaced

Neither removes what the target alone has. --verify opens the target anew
afterwards, reads every value on both sides and compares their hashes: of the
very bytes, or of the JSON value where a backend keeps no more than that.

A damaged value is told on stderr and left out; the rest is copied, and the
exit status is 3. It is 1 if a value differs or is refused by the target. With
--json the summary is an object: {"source","target","copied","replaced",
"equal","differ","damaged","refused","bytes","verified":{…}}.`

const copyExample = `  holdfast copy file:./logs/data redis://localhost:6379/0 --verify
  holdfast copy postgres://localhost/bot file:./backup signal/strategy-a
  holdfast copy --resume file:./logs/data mongodb://localhost/bot`

// copying is one run of the command.
type copying struct {
	a         *app
	from, to  string // URLs
	options   transfer.Options
	resume    bool
	overwrite bool
	verify    bool
	progress  *progress
	told      int   // problems on stderr
	failure   error // the gravest of the problems
}

func newCopy(a *app) *cobra.Command {
	c := &copying{a: a}
	cmd := &cobra.Command{
		Use:               "copy SRC DST [ENTITY…]",
		Short:             "Copy values from one store to another",
		Long:              copyHelp,
		Example:           copyExample,
		ValidArgsFunction: cobra.NoFileCompletions,
		Args:              takes(2, 1<<20, "SRC DST [ENTITY…]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.from, c.to, c.options.Entities = args[0], args[1], args[2:]
			if err := c.check(cmd); err != nil {
				return misused(cmd, err)
			}
			return c.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&c.options.Writers, "writers", 4, "how many batches are written at once: `N`")
	flags.BoolVar(&c.resume, "resume", false, "go on with a copy that was interrupted")
	flags.BoolVar(&c.overwrite, "overwrite", false, "replace values of the target that differ")
	flags.BoolVar(&c.verify, "verify", false, "compare the hashes of all values afterwards")
	return cmd
}

// check refuses what cannot be meant.
func (c *copying) check(cmd *cobra.Command) error {
	n := c.options.Writers
	switch {
	case cmd.Flags().Changed("store"):
		return errors.New("--store: name both stores as arguments instead")
	case n < 1 || n > transfer.MaxWriters:
		return fmt.Errorf("--writers %d: it takes a number from 1 to %d", n, transfer.MaxWriters)
	}
	for _, url := range []string{c.from, c.to} {
		if isMem(url) {
			return errors.New("mem: lasts no longer than this command: name a store that stays")
		}
	}
	switch {
	case c.overwrite:
		c.options.Existing = transfer.Overwrite
	case c.resume:
		c.options.Existing = transfer.Keep
	}
	return apart(c.from, c.to)
}

func (c *copying) run(ctx context.Context) (err error) {
	src, err := c.open(ctx, "source", c.from, &holdfast.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() {
		if closing := src.Close(); err == nil {
			err = closing
		}
	}()
	r := copyResult{Source: src.Properties().Location}
	if err := c.copy(ctx, src, &r); err != nil {
		return err
	}
	if c.verify {
		if err := c.compare(ctx, src, &r); err != nil {
			return err
		}
	}
	if err := c.print(r); err != nil {
		return err
	}
	return c.outcome()
}

// open opens one of the two stores, and says which could not be.
func (c *copying) open(ctx context.Context, which, url string, o *holdfast.Options) (*holdfast.Store, error) {
	s, err := holdfast.Open(ctx, url, o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, advise(fmt.Errorf("copy: %s: %w", which, err), "name where the state lies")
	case err != nil:
		return nil, fmt.Errorf("copy: %s: %w", which, err)
	}
	return s, nil
}

// copy copies, and closes the target: what its closing fails with counts.
func (c *copying) copy(ctx context.Context, src *holdfast.Store, r *copyResult) error {
	dst, err := c.open(ctx, "target", c.to, nil)
	if err != nil {
		return err
	}
	c.a.tellFindings(dst)
	r.Target = dst.Properties().Location
	c.follow("copy")
	r.Summary, err = transfer.Copy(ctx, src, dst, &c.options)
	c.progress.clear()
	if closing := dst.Close(); err == nil {
		err = closing
	}
	switch {
	case errors.Is(err, transfer.ErrNotEmpty):
		return advise(err, "--resume goes on with a copy and leaves what differs, --overwrite replaces it")
	case errors.Is(err, transfer.ErrSame):
		return advise(err, "name another target")
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = errors.New("copy: interrupted")
	}
	if err == nil {
		c.noteEmpty(r.Summary)
		return nil
	}
	next := fmt.Sprintf("%s values are on the target: run it again with --resume", thousands(int64(r.Copied+r.Replaced+r.Equal)))
	if c.overwrite {
		next = fmt.Sprintf("%s values are on the target: run it again", thousands(int64(r.Copied+r.Replaced+r.Equal)))
	}
	if step := nextStep(err); step != "" {
		next = step + "; " + next
	}
	return advise(err, next)
}

// noteEmpty says so where there was nothing to copy: a name is mistyped easily.
func (c *copying) noteEmpty(s transfer.Summary) {
	if s.Values() == 0 {
		c.a.note("copy: the source holds no such values: holdfast ls lists what there is")
	}
}

// compare verifies what is stored, not what this process remembers of it.
func (c *copying) compare(ctx context.Context, src *holdfast.Store, r *copyResult) error {
	dst, err := c.open(ctx, "target", c.to, &holdfast.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	c.follow("verify")
	v, err := transfer.Verify(ctx, src, dst, &c.options)
	c.progress.clear()
	if closing := dst.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	r.Verified = &v
	return nil
}

// follow has a step of the work show how far it is, and what goes wrong.
func (c *copying) follow(step string) {
	c.progress = c.a.newProgress(step, "values", 0)
	c.options.Progress = func(n int, bytes int64) { c.progress.at(n, bytes) }
	c.options.Problem = func(err error) { c.problem(step, err) }
}
