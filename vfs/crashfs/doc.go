// Package crashfs is a disk in memory that knows what a crash may leave of it.
//
// A [Disk] stands behind a [vfs.FS] and records every call that changes or syncs
// something. From the record, its [Trace], it enumerates the states that a crash
// may leave after each call: a [State] is a value, which prints, is found again
// by its key, and gives a new Disk, on which a recovery can be run, recorded and
// crashed in turn.
//
//	disk := crashfs.New(nil)
//	workload(disk.Mount())
//	for p := range disk.Trace().Points(crashfs.Strict) {
//		for s := range p.States(nil) {
//			recoverAndCheck(s.Disk(nil).Mount()) // or fail, and print s
//		}
//	}
//
// # What a crash may do
//
// Two crashes are told apart. After a kill (kill -9, a panic) the next process
// finds everything as the last one left it; what was not synced is still in the
// kernel's memory only, and a later power cut may take it. After a power cut (or
// a kernel crash) it finds what is durable, and of the rest what the [Model]
// says. Each change that no sync has covered is pending:
//
//   - a change of a name: a file or directory created, removed, renamed,
//     exchanged with another; kept or lost on its own. A rename or exchange
//     within one directory is one change. Between two directories it is two,
//     one in each, and syncing one directory settles that half alone: the file
//     may be found under both names, or under none;
//   - a write: kept, lost, or torn (its beginning is there and its end is not,
//     or the other way round: at a byte, at half, at each 4 KiB); and where it
//     made the file grow, all zeros, zeros from where it is torn, or the bytes
//     that the blocks held before;
//   - a change of size, of mode, of modification time: kept or lost.
//
// Of up to 8 pending changes every subset is a state; of more, each alone, all
// but each, every beginning of their sequence, and a sample by a seed. Torn
// writes come on top, with the other changes kept, lost, and kept up to there.
//
// A sync that fails leaves what it should have synced neither durable nor
// pending: no later sync covers it, and a power cut may take it or not. So do
// Linux's file systems, which mark the pages clean (Rebello et al., "Can
// Applications Recover from fsync Failures?", 2020).
//
// # What it does not do
//
// What was synced stays: the disk honours flush, and does not rot. A write over
// synced bytes leaves each of them old or new, never something else, and does not
// touch its neighbours (what SQLite calls powersafe overwrite, and ext4, XFS and
// the disks people buy give); a write to one file touches no other. There are no symbolic links and no hard links
// (but those that a crash in a rename between directories leaves).
package crashfs
