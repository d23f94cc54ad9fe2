package work

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	jobLimit = 30 * time.Minute // a child that takes longer hangs
	endLimit = 15 * time.Second // for closing what it has open, servers included
)

// child does one job in a process of its own, and waits for it.
func (r *runner) child(ctx context.Context, j job) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, jobLimit)
	defer cancel()
	cmd, err := r.command(ctx, j)
	if err != nil {
		return reply{}, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return reply{}, fmt.Errorf("%s: %w: %s", j.Do, err, bytes.TrimSpace(stderr.Bytes()))
	}
	var answer reply
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		return reply{}, fmt.Errorf("%s: %w", j.Do, err)
	}
	return answer, nil
}

func (r *runner) command(ctx context.Context, j job) (*exec.Cmd, error) {
	stdin, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, r.exe)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = endLimit
	cmd.Cancel = func() error { // it ends its own children first
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return cmd.Process.Kill()
		}
		return nil
	}
	return cmd, nil
}

// kill lets a process write, and ends it by SIGKILL as soon as all that it was
// to write is acknowledged.
func (r *runner) kill(ctx context.Context, j job, p *prepared) error {
	ctx, cancel := context.WithTimeout(ctx, jobLimit)
	defer cancel()
	j.Do, j.Bytes, j.Expect = doOverwrite, r.Replay, p.expect
	cmd, err := r.command(ctx, j)
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var answer reply
	err = json.NewDecoder(stdout).Decode(&answer)
	cmd.Process.Kill()
	cmd.Wait() // tells of the signal: no error of ours
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w: %s", j.Do, err, bytes.TrimSpace(stderr.Bytes()))
	case answer.Bad():
		return fmt.Errorf("%s: %s%s", j.Do, answer.Missing, answer.Failed)
	}
	p.expect = answer.Last
	return nil
}
