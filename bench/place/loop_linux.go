package place

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/bench/suite"
	"golang.org/x/sys/unix"
)

// Loop is an ext4 with a journal in an image file, mounted by a loop device.
type Loop struct {
	temp   string // holds the image and the mount point
	device string
	mount  string // "" while it is not mounted
}

// NewLoop makes one below dir. Close undoes all of it.
func NewLoop(ctx context.Context, dir string, size int64) (*Loop, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: a loop device needs root", ErrNo)
	}
	for _, tool := range []string{"mkfs.ext4", "losetup", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w: %s is not installed", ErrNo, tool)
		}
	}
	temp, err := os.MkdirTemp(dir, "holdfast-loop-")
	if err != nil {
		return nil, err
	}
	l := &Loop{temp: temp}
	if err := l.open(ctx, size); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Loop) open(ctx context.Context, size int64) error {
	image := filepath.Join(l.temp, "image")
	if err := fill(ctx, image, size); err != nil {
		return err
	}
	// -i: a million small files must fit. The rest: everything is written now,
	// rather than in the background while something is measured, and the image
	// keeps the blocks that fill has given it.
	err := run(ctx, "mkfs.ext4", "-q", "-F", "-O", "has_journal", "-i", "4096",
		"-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", image)
	if err != nil {
		return err
	}
	// Not through the page cache of the file system below: it would hold
	// everything twice, and an emptied cache would not be empty.
	out, err := output(ctx, "losetup", "--find", "--show", "--direct-io=on", image)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNo, err)
	}
	l.device = strings.TrimSpace(out)
	mount := filepath.Join(l.temp, "mount")
	if err := os.Mkdir(mount, 0o700); err != nil {
		return err
	}
	if err := run(ctx, "mount", "-t", "ext4", "-o", "data=ordered,barrier=1", l.device, mount); err != nil {
		return fmt.Errorf("%w: %w", ErrNo, err)
	}
	l.mount = mount
	return nil
}

// fill makes the image of zeros that are really written: on a sparse file each
// first write to a block would pay for the file system below, too.
func fill(ctx context.Context, name string, size int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(name), &fs); err != nil {
		return err
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < size+size/4 {
		return fmt.Errorf("%w: %d MB are free, an image of %d MB would leave too little", ErrNo, free>>20, size>>20)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	zeros := make([]byte, 4<<20)
	for at := int64(0); at < size && err == nil; at += int64(len(zeros)) {
		if err = ctx.Err(); err == nil {
			_, err = f.WriteAt(zeros, at)
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// Place is where it is mounted.
func (l *Loop) Place() suite.Place {
	p := Describe(l.mount)
	p.Loop = true
	p.Label += " (loop device)"
	return p
}

// Close unmounts, detaches and removes, also after an interruption.
func (l *Loop) Close() error {
	ctx := context.Background()
	if l.mount != "" {
		err := run(ctx, "umount", l.mount)
		for range 20 { // somebody may still be looking at a directory of it
			if err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
			err = run(ctx, "umount", l.mount)
		}
		if err != nil {
			return fmt.Errorf("left behind: %s on %s, image in %s: %w", l.device, l.mount, l.temp, err)
		}
		l.mount = ""
	}
	var err error
	if l.device != "" {
		err = run(ctx, "losetup", "--detach", l.device)
		l.device = ""
	}
	return errors.Join(err, os.RemoveAll(l.temp))
}

func run(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return string(out), nil
}
