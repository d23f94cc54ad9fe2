// Command bench measures Holdfast beside the limit of the disk and what people
// use instead: go run ./bench --help.
package main

import (
	"os"

	"github.com/holdfast-go/holdfast/bench/cli"
	"github.com/holdfast-go/holdfast/bench/work"
)

func main() {
	if work.IsChild() {
		os.Exit(work.Child(os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
