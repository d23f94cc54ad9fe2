package main

// mutant is a sabotage of one file, and who must notice.
type mutant struct {
	name  string
	file  string
	pkg   string   // directory of the killers
	run   string   // and their names, a pattern of -run
	long  bool     // they do not run with -short
	edits []string // what stands in the file, once, and what takes its place; and so on
}

const (
	crash       = "^TestCrash$"
	crashStore  = "^TestCrashStore$"
	journalled  = "^TestCrash$/^protocols$/^journal_on$/"
	nothing     = "if err := error(nil); err != nil {"
	everyFault  = "^TestEveryFault$"
	failedFlush = "^TestFailedFlush$"
	twice       = "^TestKilledThenCut$|^TestKilledWhileTrimming$"
)

// all are the mutants: each flush left out, pairs swapped, errors ignored, and the
// shortcuts that somebody might take.
var all = []mutant{
	{"atomicfile: no sync before the rename", "atomicfile/write.go", "atomicfile", crash, false, []string{
		"if err := t.file.Sync(); err != nil {", nothing}},
	{"atomicfile: sync after the rename", "atomicfile/write.go", "atomicfile", crash, false, []string{
		"\tif err := t.file.Sync(); err != nil {", "\tif err := fsys.Rename(t.name, name); err != nil {\n\t\treturn err\n\t}\n\tif err := t.file.Sync(); err != nil {",
		"if err := fsys.Rename(t.name, name); err != nil { // the old file or", "if err := error(nil); err != nil { // the old file or"}},
	{"atomicfile: a failed sync is ignored", "atomicfile/write.go", "atomicfile", "^TestWriteFailsCleanly$", false, []string{
		"if err := t.file.Sync(); err != nil {", "if err := t.file.Sync(); err != nil && false {"}},
	{"atomicfile: no sync of the directory", "atomicfile/write.go", "atomicfile", crash, false, []string{
		"return flushError(fsys.SyncDir(path.Dir(name)))", "_ = path.Dir\n\treturn nil"}},
	{"atomicfile: its failure is ignored", "atomicfile/write.go", "atomicfile", "^TestWriteFailsCleanly$", false, []string{
		"return flushError(fsys.SyncDir(path.Dir(name)))", "_ = fsys.SyncDir(path.Dir(name))\n\treturn nil"}},
	{"atomicfile: no sync after a removal", "atomicfile/dir.go", "atomicfile", crash, false, []string{
		"serr := fsys.SyncDir(path.Dir(name))", "serr := error(nil)"}},
	{"atomicfile: new directories are not synced", "atomicfile/dir.go", "atomicfile", crash, false, []string{
		"if err := fsys.SyncDir(parent); err != nil {", nothing}},
	{"atomicfile: staged files are not synced", "atomicfile/stage.go", "atomicfile", crash, false, []string{
		"\tif sync {", "\tif sync && false {"}},

	{"journal: acknowledged before the flush", "journal/commit.go", "journal", crashStore, false, []string{
		"if err := vfs.Datasync(s.file); err != nil {\n\t\treturn j.fail", nothing + "\n\t\treturn j.fail"}},
	{"journal: a failed flush is ignored", "journal/commit.go", "journal", failedFlush, false, []string{
		"if err := vfs.Datasync(s.file); err != nil {\n\t\treturn j.fail", "if err := vfs.Datasync(s.file); err != nil && false {\n\t\treturn j.fail"}},
	{"journal: it goes on after a failed flush", "journal/journal.go", "journal", failedFlush, false, []string{
		"\tif j.failed == nil {\n\t\tj.failed = err\n\t}\n\terr = j.failed\n\tj.mu.Unlock()\n\tj.in.stop(err)\n\tj.queue.close(err)", "\tj.mu.Unlock()"}},
	{"journal: no flush of a new segment's records", "journal/commit.go", "journal", crashStore, false, []string{
		"if err := vfs.Datasync(f); err != nil {", nothing}},
	{"journal: a segment's name is not synced", "journal/segment.go", "journal", crashStore, false, []string{
		"if err := fsys.SyncDir(dir); err != nil {", nothing}},
	{"journal: a new segment is not synced", "journal/segment.go", "journal", crashStore + "|^TestCrashes$", false, []string{
		"return flushError(f.Sync())", "return nil"}},
	{"journal: reused before it is durably spare", "journal/segment.go", "journal", crashStore + "|^TestCrashes$", false, []string{
		"if err := vfs.Datasync(f); err != nil {\n\t\treturn h", nothing + "\n\t\treturn h"}},
	{"journal: removed, and not synced", "journal/room.go", "journal", twice, false, []string{
		"return flushError(j.fsys.SyncDir(j.dir))", "return nil"}},
	{"journal: found spare, and believed", "journal/room.go", "journal", twice, false, []string{
		"if err := s.rewriteHeader(j.fsys, j.dir); err != nil {", nothing}},
	{"journal: found removed, and believed", "journal/room.go", "journal", twice, false, []string{
		"if err := j.fsys.SyncDir(j.dir); err != nil {", nothing}},
	{"journal: a failed write is not undone", "journal/commit.go", "journal", "^TestFailedWrite", false, []string{
		"return j.undo(s, err)", "return err"}},
	{"journal: the last flush is not redone", "journal/open.go", "journal", "^TestLastFlushIsRedone$", false, []string{
		"return vfs.Datasync(s.file)\n}", "return nil\n}"}},
	{"journal: the checksum is not looked at", "journal/record.go", "journal", "^TestEverySingleBitFlip$|^TestTorn|" + crashStore, false, []string{
		"return crc32.Checksum(payload, castagnoli) == it.sum", "return len(payload) == len(payload)"}},
	{"journal: segments keep their salt", "journal/header.go", "journal", "^TestTornActivation$", false, []string{
		"salt != old {", "salt != old || true {\n\t\t\tsalt = old"}},

	{"filestore: released before it is durable", "filestore/checkpoint.go", "filestore", "^TestFailedCheckpointReleasesNothing$", false, []string{
		"p := j.gather()\n", "p := j.gather()\n\tj.log.Release(p.last)\n"}},
	{"filestore: a checkpoint syncs no names", "filestore/checkpoint.go", "filestore", journalled + "^write-behind$", true, []string{
		"if err := sync(); err != nil {", "if err := error(nil); sync != nil && err != nil {"}},
	{"filestore: a checkpoint syncs no bytes", "filestore/checkpoint.go", "filestore", journalled + "^checkpoint_of_many", false, []string{
		"if err := p.syncAll(); err != nil {", nothing}},
	{"filestore: what was found is not settled", "filestore/recover.go", "filestore", "^TestCrash$/^protocols$/^journal_off$/^quarantine", true, []string{
		"if err := s.settle(v); err != nil {", nothing}},
	{"filestore: a healed name is not synced", "filestore/start.go", "filestore", journalled + "^quarantine", true, []string{
		"if err := o.j.s.dirs.sync(o.j.s.fs, withParents(dirs)); err != nil {", "_ = withParents\n\t" + nothing}},
	{"filestore: a begun quarantine is believed", "filestore/quarantine.go", "filestore", "^TestCrash$/^protocols$/^journal_off$/^(quarantine|healing_of_several)", true, []string{
		"if err := s.fs.SyncDir(done.dir); err != nil {", nothing}},
	{"filestore: a snapshot's name is believed", "filestore/hold.go", "filestore", journalled + "^snapshot", true, []string{
		"if err := o.j.s.fs.SyncDir(snapshotDir); err != nil {", nothing}},
	{"filestore: a snapshot's commit is believed", "filestore/hold.go", "filestore", journalled + "^space", true, []string{
		"if err := n.rewrite(o.l.group, n.size); err != nil {", nothing,
		"if err := n.flush(); err != nil {", nothing}},
	{"filestore: the snapshot commits too early", "filestore/checkpoint.go", "filestore", journalled + "^write-behind$", true, []string{
		"if err := n.flush(); err != nil { // before", "if err := error(nil); err != nil { // before"}},
	{"filestore: a put does not wait for its flush", "filestore/journaled.go", "filestore", "^TestJournalFailedFlush$", false, []string{
		"if err := flush.Wait(); err != nil {\n\t\treturn j.failed(err)\n\t}\n\treturn j.settleMarks(k, \"put\")", "_ = flush\n\treturn j.settleMarks(k, \"put\")"}},
	{"filestore: it goes on after a failed flush", "filestore/write.go", "filestore", "^TestFailedFlushIsFinal$", false, []string{
		"\tif !isFlush(err) {\n\t\treturn tooLong(err)\n\t}\n\treturn s.stop(err)", "\treturn tooLong(err)"}},
	{"filestore: damage is deleted", "filestore/quarantine.go", "filestore", everyFault, false, []string{
		"\t_, err = s.quarantine(k, file, c)\n\treturn err", "\treturn atomicfile.Remove(s.fs, file)"}},
	{"filestore: taken away before it is kept", "filestore/quarantine.go", "filestore", "^TestQuarantineOrder$", false, []string{
		"\tdone, begun, err := s.begun(m, c)", "\tif c.regular {\n\t\tatomicfile.Remove(s.fs, file)\n\t}\n\tdone, begun, err := s.begun(m, c)"}},
	{"filestore: what is damaged is absent", "filestore/marks.go", "filestore", everyFault, false, []string{
		"if m, ok := s.marks.get(k); ok {", "if m, ok := s.marks.get(k); ok && false {"}},
	{"filestore: a mark is not resolved", "filestore/write.go", "filestore", everyFault, false, []string{
		"return removed || marked, s.resolve(k, \"delete\")", "return removed || marked, nil"}},
	{"filestore: nobody says that files are detached", "filestore/detach.go", "filestore", "^Test(Removed|Direct|Modes|Taken|Taking)", false, []string{
		"payload, _ := appendOp(nil, opDetach, driver.Key{}, nil)", "payload, _ := appendOp(nil, opAttach, driver.Key{}, nil)",
		"\tn.detached = true\n", "\n"}},

	{"vfs: SyncDir syncs nothing", "vfs/os_syncdir_unix.go", "atomicfile", "^TestWriteSystemCalls$", false, []string{
		"if err := d.Sync(); err != nil {", nothing}},
	{"vfs: Datasync syncs nothing", "vfs/os_linux.go", "vfs", "^TestSyncsReachTheKernel$", false, []string{
		"return unix.Fdatasync(fd)", "_ = fd\n\t\treturn nil"}},
	{"vfs: an XFS that has given up is believed", "vfs/os_syncdir_unix.go", "vfs", "^TestNothingIsDurableAfterAShutdown$", true, []string{
		"_, err := d.Stat()\n\treturn err", "return nil"}},
	{"vfs: a failed SyncDir is not final", "vfs/os_syncdir_unix.go", "vfs", "^TestFailedDirSyncIsFinal$", false, []string{
		"d.failed = one.err", "_ = d.failed"}},

	{"holdfast: ACK before the change", "cmd/holdfast/writers.go", "cmd/holdfast", "^TestOrderOfSystemCalls$", false, []string{
		"w.done(c, w.do(c))", "w.ack(c)\n\t\t\tw.done(c, w.do(c))"}},
}
