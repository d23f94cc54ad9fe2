package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildInfo is what the toolchain recorded of this binary.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Modified bool   `json:"modified,omitempty"` // the source was not as in Revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func build() buildInfo {
	b := buildInfo{Version: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version, b.Go = info.Main.Version, info.GoVersion
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	b.Revision = settings["vcs.revision"]
	b.Modified = settings["vcs.modified"] == "true"
	b.Platform = settings["GOOS"] + "/" + settings["GOARCH"]
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this command",
		Long: `Version prints which version of holdfast this is, and what it was built with.
With --json it prints one object.`,
		Example: `  holdfast version
  holdfast version --json`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			b := build()
			if a.json {
				return printJSON(a.stdout, b)
			}
			line := fmt.Sprintf("holdfast %s, %s, %s", b.Version, b.Go, b.Platform)
			if b.Revision != "" {
				line += ", revision " + b.Revision
			}
			if b.Modified {
				line += " (modified)"
			}
			_, err := fmt.Fprintln(a.stdout, line)
			return output(err)
		},
	}
}
