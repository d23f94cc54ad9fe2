package place

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileSystem finds the mount that dir lies in.
func fileSystem(dir string) (kind, journal string) {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return "unknown file system", ""
	}
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown file system", ""
	}
	for line := range strings.Lines(string(mounts)) {
		// 27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
		before, after, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) > 2 && len(tail) > 1 && fields[2] == device {
			return tail[0], hasJournal(tail[0], tail[1])
		}
	}
	return "unknown file system", ""
}

// hasJournal knows the ext family, where it is a choice, and those that always
// have one.
func hasJournal(kind, source string) string {
	switch kind {
	case "ext3", "xfs", "jfs":
		return "journal"
	case "tmpfs":
		return "nothing is durable"
	case "ext4":
		if real, err := filepath.EvalSymlinks(source); err == nil {
			source = real
		}
		if found, _ := filepath.Glob("/proc/fs/jbd2/" + filepath.Base(source) + "-*"); len(found) > 0 {
			return "journal"
		}
		if _, err := os.Stat("/proc/fs/ext4/" + filepath.Base(source)); err == nil {
			return "no journal"
		}
	}
	return ""
}

// Sync writes back everything that any file system holds.
func Sync() { unix.Sync() }

// DropCaches leaves nothing in the page cache that is on a disk as well.
func DropCaches() error {
	Sync()
	err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: dropping the page cache needs root and /proc: %w", ErrNo, err)
	}
	return err
}

// RSS is the memory of this process, in bytes.
func RSS() int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procValue("/proc/self/status", "VmRSS"), " kB"), 10, 64)
	return kib << 10
}

func cpu() string { return procValue("/proc/cpuinfo", "model name") }

// procValue is the value of the first line "name : value".
func procValue(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if n, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "linux"
	}
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}

func allocated(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
