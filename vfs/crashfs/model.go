package crashfs

import "fmt"

// Model is what a file system may do with changes that were not synced.
type Model uint8

const (
	// Strict is what POSIX lets a disk do: nothing is durable but what
	// fsync, fdatasync or syncfs of that very file or directory has covered,
	// and the rest comes in any order.
	//
	//   - A file's fsync covers its bytes, size, mode and times, not its name,
	//     even if the file is new. fdatasync covers bytes and size.
	//   - A directory's fsync covers the names in it, not its own name, and
	//     nothing of the files.
	//   - SyncAll covers everything but bytes that were written in place over
	//     older ones which were durable, in a file of which nothing else has
	//     been changed since (see [vfs.AllSyncer]).
	//   - Every byte of a write counts for itself: a write that is lost does
	//     not come back with a later one to the same block.
	Strict Model = iota + 1

	// Ext4 is ext4 with its defaults (data=ordered, delayed allocation,
	// dioread_nolock), less its favours to careless programs
	// (auto_da_alloc):
	//
	//   - All changes of names, sizes by truncation, modes and times go
	//     through one journal: a crash leaves a beginning of their sequence. A
	//     rename is one change, between two directories as well.
	//   - An fsync of a file or a directory commits the journal up to the last
	//     change that concerns it, so what came before that is durable too: a
	//     new file's name by its own fsync, for instance.
	//   - Written bytes go to the disk in their own time, page by page of 4 KiB,
	//     torn within a page at a sector of 512 bytes. A page has what was
	//     written to it before, too. A file's size covers only blocks that
	//     were given to it: those that were not written yet read as zeros,
	//     never as what the disk held before.
	//   - Nothing orders a rename after the bytes of the renamed file: without
	//     fsync it may be found empty.
	//
	// From the kernel's Documentation/filesystems/ext4 and fs/ext4/inode.c,
	// fsync.c: mpage_map_and_submit_extent, ext4_fsync_journal.
	Ext4
)

// String returns the name of the model.
func (m Model) String() string {
	switch m {
	case Strict:
		return "strict"
	case Ext4:
		return "ext4"
	}
	return fmt.Sprintf("model %d", uint8(m))
}

// Models lists all of them.
func Models() []Model { return []Model{Strict, Ext4} }

func modelNamed(name string) (Model, bool) {
	for _, m := range Models() {
		if m.String() == name {
			return m, true
		}
	}
	return 0, false
}
