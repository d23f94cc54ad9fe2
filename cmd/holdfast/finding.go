package main

import (
	"strings"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

// findingLine tells a finding in one line: which value or file, what is wrong,
// and what was done or, if done is not set, what opening would do.
func findingLine(f holdfast.Finding, done bool) string {
	return findingName(f) + ": " + problemText(f) + ": " + actionText(f, done)
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
	if f.Detail == "" {
		return string(f.Problem)
	}
	return string(f.Problem) + " (" + f.Detail + ")"
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
	case f.Kept != "":
		words += " in " + f.Kept
	}
	switch {
	case f.Action == driver.ActionRefuse && f.Entity != "":
		words += ": correct or move the file, or choose another policy (invalid=quarantine)"
	case f.Damage() && f.Entity != "":
		words += ": put a good value, or remove it"
	}
	return words
}
