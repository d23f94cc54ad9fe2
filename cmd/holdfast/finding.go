package main

import (
	"strings"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/shell"
)

// findingLine tells a finding in one line: which value or file, what is wrong,
// and what was done or, if done is not set, what opening would do.
func findingLine(f holdfast.Finding, done bool) string {
	if f.Problem == driver.ProblemServer {
		return findingName(f) + ": " + problemText(f) // nothing can be done about it from here
	}
	return findingName(f) + ": " + problemText(f) + ": " + actionText(f, done)
}

// noticeLine tells what was found when the store was opened. What a server does
// not promise is no recovery.
func noticeLine(f holdfast.Finding) string {
	if f.Problem == driver.ProblemServer {
		return findingLine(f, true)
	}
	return "recovery: " + findingLine(f, true)
}

func findingName(f holdfast.Finding) string {
	if f.Entity == "" {
		return f.Path
	}
	return strings.TrimSpace(quote(f.Entity) + " " + quoteNonEmpty(f.ID))
}

func quoteNonEmpty(name string) string {
	if name == "" {
		return ""
	}
	return quote(name)
}

func problemText(f holdfast.Finding) string {
	text, said := map[driver.Problem]string{
		driver.ProblemEdited:   "edited by hand",
		driver.ProblemMissing:  "missing, though it was never removed",
		driver.ProblemChecksum: "not what was written, though nobody has edited it",
		driver.ProblemJournal:  "a damaged stretch of the journal",
		driver.ProblemServer:   "may lose what it has acknowledged",
	}[f.Problem]
	if !said {
		text = string(f.Problem)
	}
	if f.Detail == "" {
		return text
	}
	return text + " (" + f.Detail + ")"
}

// actionText says in words what was done about a finding, or would be.
func actionText(f holdfast.Finding, done bool) string {
	texts := map[driver.Action]struct{ did, would string }{
		driver.ActionNone:       {"nothing was done", "would be left as it is"},
		driver.ActionQuarantine: {"moved to quarantine", "would be moved to quarantine"},
		driver.ActionDelete:     {"deleted", "would be deleted"},
		driver.ActionSweep:      {"removed", "would be removed"},
		driver.ActionRefuse:     {"the store was not opened", "would fail"},
		driver.ActionResolve:    {"a good value is in place again; the damaged one is kept", "a good value is in place again; the damaged one is kept"},
		driver.ActionAdopt:      {"taken over", "would be taken over"},
		driver.ActionRestore:    {"put back as it was acknowledged last", "would be put back as it was acknowledged last"},
	}
	text, known := texts[f.Action]
	switch {
	case !known:
		text.did, text.would = string(f.Action), "would be "+string(f.Action)
	case f.Kept != "" && f.Action == driver.ActionNone:
		text.did, text.would = "kept", "kept"
	}
	words := text.would
	if done {
		words = text.did
	}
	switch {
	case f.Kept != "" && f.Action == driver.ActionQuarantine:
		words = strings.Replace(words, "quarantine", f.Kept, 1)
	case f.Kept != "" && f.Action == driver.ActionRestore:
		words += "; the damaged bytes are in " + f.Kept
	case f.Kept != "":
		words += " in " + f.Kept
	}
	return words + wayOut(f)
}

// wayOut says what else may be done about a finding.
func wayOut(f holdfast.Finding) string {
	switch {
	case f.Entity == "":
	case f.Problem == driver.ProblemMissing && f.Action == driver.ActionRestore:
		return "; to remove it for good: " + shell.Command("rm", f.Entity, f.ID)
	case f.Action == driver.ActionRefuse:
		return ": correct or move the file, or choose another policy (invalid=quarantine)"
	case f.Damage() && f.Action != driver.ActionRestore:
		return ": put a good value, or remove it"
	}
	return ""
}
