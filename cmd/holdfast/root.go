package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `Holdfast keeps the state of live-trading processes safe from crashes: open
signals, risk positions, and how far each of them has come.

A store holds entities, such as signal/strategy-a, and an entity holds JSON
values by id, such as BTCUSDT. The store is a directory of JSON files unless
--store says otherwise. ls, get, history, diff, export and check read it beside
the process that has it; the others need it for themselves.

--json prints for programs: ls, history, export, import and live one JSON
object a line, get, undo, check, copy and version a single one, diff a list;
put and rm print nothing. Errors are one plain line on stderr either way. Exit
status: 0 done, 1 failed, 2 wrong usage, 3 damage found.`

const rootExample = `  holdfast ls
  holdfast get signal/strategy-a BTCUSDT
  holdfast --store file:/var/lib/bot check
  holdfast live --candles demo: --symbol BTCUSDT`

// usageTemplate is cobra's, without what this command has no use for, and with
// flags that fit in 80 columns.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{else}}{{.UseLine}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableInheritedFlags}}

Flags of all commands:
{{.InheritedFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

"holdfast help COMMAND" tells more about a command.{{end}}
`

// newRoot makes the command and all its subcommands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "holdfast",
		Short:         "Keep the state of live-trading processes safe from crashes",
		Long:          rootHelp,
		Example:       rootExample,
		Version:       build().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          noCommand,
	}
	root.SetUsageTemplate(usageTemplate)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(cmd, err) })
	root.CompletionOptions.DisableDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&a.store, "store", "",
		"where the state lies: `URL`, else "+storeEnv+",\nelse "+defaultStore)
	flags.BoolVar(&a.json, "json", false, "print JSON for programs")
	root.AddCommand(newLs(a), newGet(a), newPut(a), newRm(a), newHistory(a),
		newDiff(a), newUndo(a), newImport(a), newExport(a), newCopy(a),
		newCheck(a), newLive(a), newCompletion(a), newVersion(a))
	root.SetHelpCommand(newHelp())
	return root
}

// misused marks err as wrong usage of cmd.
func misused(cmd *cobra.Command, err error) error {
	// pflag repeats what package strconv says to programmers.
	if before, after, found := strings.Cut(err.Error(), "strconv."); found {
		_, why, _ := strings.Cut(after, "\": ")
		err = errors.New(before + why)
	}
	return &usageError{command: cmd.CommandPath(), err: fmt.Errorf("%s: %w", commandName(cmd), err)}
}

// commandName is the command as errors name it: without "holdfast", which
// begins the line.
func commandName(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "holdfast"), " ")
}

// takes makes the check of the number of arguments; usage is how they are
// written.
func takes(least, most int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return misused(cmd, fmt.Errorf("too few arguments: it takes %s", usage))
		case len(args) > most:
			return misused(cmd, fmt.Errorf("too many arguments, from %s on: it takes %s", quote(args[most]), usage))
		}
		return nil
	}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	why := fmt.Sprintf("unknown command %s", quote(args[0]))
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		why += ": did you mean " + strings.Join(names, " or ") + "?"
	}
	return &usageError{command: cmd.CommandPath(), err: errors.New(why)}
}

// noCommand answers a bare "holdfast" with the help, and a failure, since a
// script whose command came out empty has failed.
func noCommand(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	if err := cmd.Help(); err != nil {
		return err
	}
	return &usageError{command: cmd.CommandPath(), err: &reported{errors.New("no command")}}
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tell more about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return misused(cmd, fmt.Errorf("unknown command %s", quote(strings.Join(args, " "))))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
