package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const completionHelp = `Completion prints a script for your shell, which completes commands, flags,
and the entities and ids of the store.`

const completionExample = `  source <(holdfast completion bash)                 # this bash
  holdfast completion bash > /etc/bash_completion.d/holdfast
  holdfast completion zsh > "${fpath[1]}/_holdfast"
  holdfast completion fish > ~/.config/fish/completions/holdfast.fish
  holdfast completion powershell | Out-String | Invoke-Expression`

func newCompletion(a *app) *cobra.Command {
	shells := []cobra.Completion{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print a script that completes commands in your shell",
		Long:      completionHelp,
		Example:   completionExample,
		Args:      takes(1, 1, "one of bash, zsh, fish, powershell"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			scripts := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return cmd.Root().GenBashCompletionV2(w, true) },
				"zsh":        cmd.Root().GenZshCompletion,
				"fish":       func(w io.Writer) error { return cmd.Root().GenFishCompletion(w, true) },
				"powershell": cmd.Root().GenPowerShellCompletionWithDesc,
			}
			script, ok := scripts[args[0]]
			if !ok {
				return misused(cmd, fmt.Errorf("unknown shell %s: it is one of bash, zsh, fish, powershell", quote(args[0])))
			}
			return output(script(a.stdout))
		},
	}
}

// completions makes the completion of arguments that are an entity, then, if
// ids is set, an id, then, if files is set, a file.
func (a *app) completions(ids, files bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0:
			return a.names(cmd, ""), cobra.ShellCompDirectiveNoFileComp
		case len(args) == 1 && ids:
			return a.names(cmd, args[0]), cobra.ShellCompDirectiveNoFileComp
		case len(args) == 2 && files:
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// names lists the entities, or the ids of one. Completion stays silent about a
// store that cannot be read.
func (a *app) names(cmd *cobra.Command, entity string) []cobra.Completion {
	var found []cobra.Completion
	s, err := holdfast.Open(cmd.Context(), a.storeURL(cmd), &holdfast.Options{ReadOnly: true})
	if err != nil {
		return nil
	}
	defer s.Close()
	list := s.Entities(cmd.Context())
	if entity != "" {
		c, err := values(s, entity)
		if err != nil {
			return nil
		}
		list = c.Keys(cmd.Context())
	}
	for name, err := range list {
		if err != nil {
			break
		}
		if !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
			found = append(found, name) // the shells' scripts cut at white space
		}
	}
	return found
}
