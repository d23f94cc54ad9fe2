package vfs

import (
	"errors"
	"io/fs"
)

// Info is what a listing tells of one name, as cheaply as the system gives it.
// It is comparable: an Info equal to an earlier one says that the file is the
// same and unchanged, with the reservation that stands at ChangeTime.
type Info struct {
	Name string      // the last element of the name
	Mode fs.FileMode // type bits always; permission bits where known
	Size int64

	// ModTime is in nanoseconds since 1970. Anybody can set it (see
	// [FS.Chtimes]), and copying tools do.
	ModTime int64

	// ChangeTime is in nanoseconds since 1970: when the bytes or the metadata
	// (the name too, on most systems) last changed. No tool can set it. But
	// the clock behind it can be set, and ticks: two changes within one tick,
	// up to 10 ms on Linux before 6.13, leave the same ChangeTime. So an equal
	// value proves that nothing has changed only if the earlier one was read
	// at least a tick after the change that it tells of. 0 where the system
	// has none.
	ChangeTime int64

	// Inode is the number of the file within Device. A number that was freed
	// may be given to a new file. 0 where the system has none.
	Inode uint64

	// Device is the file system the name leads to, which is not the root's
	// where something else is mounted (see [AllSyncer]). 0 where the system
	// has none.
	Device uint64
}

// DirStater is what an [FS] may also have: a listing with what [FS.Lstat] says
// of each name, at less than the price of as many calls. See [StatDir].
//
// Concurrency: like every method of FS it may be called from many goroutines;
// one call may use several processors.
type DirStater interface {
	// StatDir describes what a directory holds, in no particular order: to
	// sort 100,000 names takes a third of the time that it takes to describe
	// them, and not everybody needs it. Symbolic links are described, not followed. It reads and
	// makes nothing durable.
	//
	// It is no snapshot: what comes, goes or changes meanwhile may be told
	// of as it was or as it is. What vanished between the listing and the
	// look at it is left out. Any other error is returned, and no list with
	// it: half a listing passed off as whole would lose entities.
	StatDir(name string) ([]Info, error)
}

// StatDir describes what the directory name holds, as [DirStater] says: by that
// method where fsys has it, by [FS.ReadDir] where not.
func StatDir(fsys FS, name string) ([]Info, error) {
	if s, ok := fsys.(DirStater); ok {
		return s.StatDir(name)
	}
	entries, err := fsys.ReadDir(name)
	if err != nil {
		return nil, err
	}
	list := make([]Info, 0, len(entries))
	for _, e := range entries {
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, infoOf(fi))
	}
	return list, nil
}

// Stat describes what name itself is, symbolic links included: [FS.Lstat], with
// the ChangeTime, Inode and Device that its FileInfo.Sys gives: the operating
// system's, or an *Info, for an FS that is not the operating system's.
func Stat(fsys FS, name string) (Info, error) {
	fi, err := fsys.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	return infoOf(fi), nil
}

func infoOf(fi fs.FileInfo) Info {
	if i, ok := fi.Sys().(*Info); ok && i != nil {
		own := *i
		own.Name = fi.Name() // whoever wraps the FS may have given it another
		return own
	}
	i := Info{Name: fi.Name(), Mode: fi.Mode(), Size: fi.Size(), ModTime: fi.ModTime().UnixNano()}
	i.addSys(fi.Sys())
	return i
}
