package contender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/holdfast-go/holdfast/bench/node"
)

// backtestKit is the way backtest-kit writes and reads, in node, which is what
// it runs in. What is checked and prepared is done from here: its files are
// plain files.
type backtestKit struct{ plainFiles }

func (c *backtestKit) Writes(ctx context.Context, l Load) (Tally, error) {
	return c.run(ctx, "writes", l, false)
}

func (c *backtestKit) Reads(ctx context.Context, l Load) (Tally, error) {
	return c.run(ctx, "reads", l, false)
}

func (c *backtestKit) List(ctx context.Context, cold bool) (Tally, error) {
	return c.run(ctx, "list", Load{}, cold)
}

func (c *backtestKit) run(ctx context.Context, do string, l Load, cold bool) (t Tally, err error) {
	program, err := exec.LookPath("node")
	if err != nil {
		return t, missing("node is not installed")
	}
	temp, err := os.MkdirTemp("", "hf")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	script := filepath.Join(temp, "backtestkit.mjs")
	if err := os.WriteFile(script, node.Script, 0o600); err != nil {
		return t, err
	}
	l.Dir = c.dir
	job, err := json.Marshal(struct {
		Load
		Do   string `json:"do"`
		Cold bool   `json:"cold"`
	}{l, do, cold})
	if err != nil {
		return t, err
	}
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, program, script)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(job), &complaints
	out, err := cmd.Output()
	if err != nil {
		return t, fmt.Errorf("node: %w\n%s", err, complaints.Bytes())
	}
	return t, json.Unmarshal(out, &t)
}
