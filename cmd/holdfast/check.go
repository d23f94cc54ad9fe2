package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

const checkHelp = `Check reads every value and what the store keeps beside them. It prints what
is wrong, and what opening the store for writing would do about it, and changes
nothing; it may be run beside the process that has the store.

With --repair it opens the store for writing, which recovers what can be
recovered and treats what is invalid by the policy of --store (for files:
?invalid=quarantine, delete or refuse), and prints what was done.

The exit status is 3 if there is damage, or if damage remains: a value whose
bytes are in quarantine counts as damaged until a good one is put or it is
removed. A value that was edited by hand, or put back after its file had gone,
is no damage. Where the store keeps history, check says how far back it reaches.

With --json it prints one object:
{"location","repair","entities","values","damaged","findings":[…],"history"},
where "history" is {"oldest","size","maxSize","maxAge","versions"}: bytes, and
nanoseconds; a limit of 0 is none.`

const checkExample = `  holdfast check
  holdfast check --repair
  holdfast --store 'file:./logs/data?invalid=delete' check --repair`

func newCheck(a *app) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use:     "check [--repair]",
		Short:   "Verify every value",
		Long:    checkHelp,
		Example: checkExample,
		Args:    takes(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if repair {
				return a.repair(cmd)
			}
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				p := a.newProgress("check", "values", 0)
				report, err := s.Check(ctx, func(n int) { p.at(n, 0) })
				p.clear()
				if err != nil {
					return err
				}
				if report.History == nil {
					report.History = s.Report().History
				}
				return a.tell(report, s.Properties().Location, false)
			})
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "recover, and treat what is invalid by the policy")
	return cmd
}

func (a *app) repair(cmd *cobra.Command) error {
	there := func(context.Context, *holdfast.Store) error { return nil }
	if err := a.look(cmd, there); err != nil {
		return err
	}
	return a.use(cmd, &holdfast.Options{Repair: true}, func(_ context.Context, s *holdfast.Store) error {
		return a.tell(s.Report(), s.Properties().Location, true)
	})
}

// tell prints a report, of what was done if done is set.
func (a *app) tell(r holdfast.Report, location string, done bool) error {
	print := a.tellPeople
	if a.json {
		print = a.tellPrograms
	}
	if err := print(r, location, done); err != nil {
		return err
	}
	n := r.Damaged()
	switch {
	case n == 0:
		return nil
	case done:
		return advise(fmt.Errorf("check: %s remain: %w", counted(n, "problem"), holdfast.ErrDamaged), remainStep(r))
	}
	return advise(fmt.Errorf("check: %s: %w", counted(n, "problem"), holdfast.ErrDamaged), repairStep(r))
}

// repairStep says what to do about a report of what was not done.
func repairStep(r holdfast.Report) string {
	helps, heals := false, true
	for _, f := range r.Findings {
		if f.Action == driver.ActionRefuse {
			return "put right what opening fails for, as it says above, then check again"
		}
		helps = helps || f.Action == driver.ActionQuarantine || f.Action == driver.ActionDelete || f.Action == driver.ActionRestore
		heals = heals && (f.Action == driver.ActionRestore || !f.Damage())
	}
	switch {
	case heals:
		return `"holdfast check --repair" puts the last acknowledged values back`
	case helps:
		return `"holdfast check --repair" does what is said above; then put good values, or remove them`
	}
	return remainStep(r)
}

// remainStep says what to do about what recovery cannot put right.
func remainStep(r holdfast.Report) string {
	for _, f := range r.Findings {
		if f.Damage() && f.Problem != driver.ProblemJournal {
			return `put a good value with "holdfast put ENTITY ID FILE", or remove it with "holdfast rm ENTITY ID"`
		}
	}
	return "all that the journal can prove is in place; keep a copy of the store, and compare what you know"
}

func (a *app) tellPrograms(r holdfast.Report, location string, done bool) error {
	if r.Findings == nil {
		r.Findings = []holdfast.Finding{}
	}
	return printJSON(a.stdout, struct {
		Location string `json:"location"`
		Repair   bool   `json:"repair"`
		Damaged  int    `json:"damaged"`
		holdfast.Report
	}{location, done, r.Damaged(), r})
}

func (a *app) tellPeople(r holdfast.Report, location string, done bool) error {
	for _, f := range r.Findings {
		text := fmt.Sprintf("%s\n  problem  %s\n", oneLine(findingName(f)), oneLine(problemText(f)))
		if f.Entity != "" {
			text += "  file     " + oneLine(f.Path) + "\n"
		}
		heading := "opening"
		if done {
			heading = "done"
		}
		text += fmt.Sprintf("  %-7s  %s\n", heading, oneLine(actionText(f, done)))
		if _, err := fmt.Fprint(a.stdout, text); err != nil {
			return output(err)
		}
	}
	verdict := "no damage"
	if n := r.Damaged(); n > 0 {
		verdict = counted(n, "problem") + " found"
	}
	text := fmt.Sprintf("%s: %s in %s: %s\n", oneLine(location),
		counted(r.Values, "value"), counted(r.Entities, "entity"), verdict)
	if r.History != nil {
		text += retentionText(*r.History)
	}
	_, err := fmt.Fprint(a.stdout, text)
	return output(err)
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "entity":
		noun = "entitie"
	}
	return thousands(int64(n)) + " " + noun + "s"
}
