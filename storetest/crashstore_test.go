package storetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// sabotage is what a store of this test does wrong.
type sabotage struct {
	noFileSync   bool // renames what was not synced
	noDirSync    bool // renames, and does not sync the directory: renameio's way
	noParentSync bool // makes directories, and does not sync their parents
	noRemoveSync bool // unlinks, and does not sync the directory
	inPlace      bool // writes over the old value
	early        bool // acknowledges before it writes
	splitBatch   bool // a batch is several puts
	noRedo       bool // forgets a batch that was cut off half way
	noSettle     bool // opens without a sync of what it finds
	mends        bool // takes a file that it cannot read for an empty value
	drops        bool // deletes a file that it cannot read
	forgets      bool // puts a note in the place of what it cannot read
	listsTemps   bool // keeps temporary files, and lists them
	hasAll       bool // has what it has not
	blames       bool // reports leftovers as damage
	counts       bool // writes whenever it is opened
	refuses      bool // does not open over leftovers
	sulks        bool // takes no change where it found leftovers
}

// plainStore keeps a file for each value, and a batch in a file until all of it
// is in place. It is as simple as a store can be that passes.
type plainStore struct {
	sabotage
	fsys     vfs.FS
	mu       sync.Mutex
	findings []driver.Finding
	sulking  bool
}

const batchFile = "batch"

func openPlain(fsys vfs.FS, s sabotage) (driver.Store, error) {
	p := &plainStore{sabotage: s, fsys: fsys}
	if err := p.sweep("."); err != nil {
		return nil, err
	}
	if err := p.redo(); err != nil {
		return nil, err
	}
	if p.counts {
		return p, p.replace("opened", fmt.Append(nil, p.size("opened")+1))
	}
	return p, nil
}

func (p *plainStore) size(name string) int64 {
	fi, err := p.fsys.Lstat(name)
	if err != nil {
		return 0
	}
	return fi.ModTime().UnixNano()
}

// sweep removes leftovers, and makes durable what is there.
func (p *plainStore) sweep(dir string) error {
	entries, err := p.fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			err = p.sweep(name)
		case strings.HasPrefix(e.Name(), "tmp-"):
			err = p.leftover(name)
		case dir != ".":
			err = p.examine(name)
		}
		if err != nil {
			return err
		}
	}
	if p.noSettle {
		return nil
	}
	return p.fsys.SyncDir(dir)
}

func (p *plainStore) leftover(name string) error {
	problem := driver.ProblemStaleTemp
	if p.blames {
		problem = driver.ProblemInvalid
	}
	p.findings = append(p.findings, driver.Finding{Path: name, Problem: problem})
	if p.refuses {
		return errors.New("there are leftovers")
	}
	p.sulking = p.sulking || p.sulks
	if p.listsTemps {
		return nil
	}
	return p.fsys.Remove(name)
}

// examine looks for damage that a hand has done.
func (p *plainStore) examine(name string) error {
	data, err := p.read(name)
	if err != nil || json.Valid(data) {
		return err
	}
	switch {
	case p.drops:
		return p.remove(name)
	case p.forgets && string(data) != "damaged":
		return p.replace(name, []byte("damaged"))
	case p.mends:
		return p.replace(name, []byte(`{"mended":true}`))
	}
	return nil
}

func (p *plainStore) redo() error {
	data, err := p.read(batchFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var ops []driver.Op
	if err == nil {
		err = json.Unmarshal(data, &ops)
	}
	if err != nil {
		return err
	}
	if !p.noRedo {
		err = p.perform(ops)
	}
	return errors.Join(err, p.remove(batchFile))
}

func (p *plainStore) perform(ops []driver.Op) error {
	for _, o := range ops {
		err := p.put(o.Key, o.Data)
		if o.Delete {
			err = p.remove(valueFile(o.Key))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func valueFile(k driver.Key) string { return k.Entity + "/" + k.ID }

func (p *plainStore) read(name string) ([]byte, error) {
	f, err := p.fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func (p *plainStore) replace(name string, data []byte) error {
	temp := path.Join(path.Dir(name), "tmp-"+path.Base(name))
	if p.inPlace {
		temp = name
	}
	f, err := p.fsys.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if !p.noFileSync {
		err = f.Sync()
	}
	if err == nil && temp != name {
		err = p.fsys.Rename(temp, name)
	}
	if err != nil || p.noDirSync {
		return err
	}
	return p.fsys.SyncDir(path.Dir(name))
}

func (p *plainStore) remove(name string) error {
	if err := p.fsys.Remove(name); err != nil || p.noRemoveSync {
		return err
	}
	return p.fsys.SyncDir(path.Dir(name))
}

func (p *plainStore) put(k driver.Key, data []byte) error {
	dir := ""
	for elem := range strings.SplitSeq(k.Entity, "/") {
		parent := path.Dir(path.Join(dir, elem))
		dir = path.Join(dir, elem)
		err := p.fsys.Mkdir(dir, 0o700)
		if err == nil && !p.noParentSync {
			err = p.fsys.SyncDir(parent)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return p.replace(valueFile(k), data)
}

func (p *plainStore) Init(context.Context, string) error { return nil }

func (p *plainStore) Get(_ context.Context, k driver.Key) (driver.Record, error) {
	data, err := p.read(valueFile(k))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return driver.Record{}, driver.ErrNotFound
	case err == nil && !json.Valid(data):
		return driver.Record{}, driver.ErrDamaged
	}
	return driver.Record{Key: k, Data: data}, err
}

func (p *plainStore) Has(ctx context.Context, k driver.Key) (bool, error) {
	_, err := p.Get(ctx, k)
	if errors.Is(err, driver.ErrNotFound) {
		return p.hasAll, nil
	}
	return err == nil, err
}

func (p *plainStore) Put(_ context.Context, k driver.Key, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sulking {
		return errors.New("not now")
	}
	if p.early {
		last := p.findings // the write comes with the next one
		p.findings = append(last[:len(last):len(last)], driver.Finding{Problem: driver.ProblemStaleTemp, Entity: k.Entity, ID: k.ID, Detail: string(data)})
		if len(last) == 0 || last[len(last)-1].Entity == "" {
			return nil
		}
		f := last[len(last)-1]
		return p.put(driver.Key{Entity: f.Entity, ID: f.ID}, []byte(f.Detail))
	}
	return p.put(k, data)
}

func (p *plainStore) Delete(_ context.Context, k driver.Key) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.remove(valueFile(k))
	if errors.Is(err, fs.ErrNotExist) {
		return driver.ErrNotFound
	}
	return err
}

func (p *plainStore) Clear(ctx context.Context, entity string) error {
	for id, err := range p.IDs(ctx, entity) {
		if err = errors.Join(err, p.Delete(ctx, driver.Key{Entity: entity, ID: id})); err != nil {
			return err
		}
	}
	return nil
}

func (p *plainStore) Apply(_ context.Context, _ []driver.Cond, ops []driver.Op) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.splitBatch {
		return p.perform(ops)
	}
	data, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	if err := p.replace(batchFile, data); err != nil {
		return err
	}
	return errors.Join(p.perform(ops), p.remove(batchFile))
}

func (p *plainStore) IDs(_ context.Context, entity string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := p.fsys.ReadDir(entity)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", err)
			return
		}
		for _, e := range entries {
			temp := strings.HasPrefix(e.Name(), "tmp-") && !p.listsTemps
			if !e.IsDir() && !temp && !yield(e.Name(), nil) {
				return
			}
		}
	}
}

func (p *plainStore) Entities(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { p.entities(ctx, ".", yield) }
}

func (p *plainStore) entities(ctx context.Context, dir string, yield func(string, error) bool) bool {
	entries, err := p.fsys.ReadDir(dir)
	if err != nil {
		return yield("", err)
	}
	for _, e := range entries {
		if name := path.Join(dir, e.Name()); e.IsDir() {
			for range p.IDs(ctx, name) {
				if !yield(name, nil) {
					return false
				}
				break
			}
			if !p.entities(ctx, name, yield) {
				return false
			}
		}
	}
	return true
}

func (p *plainStore) Report() driver.Report { return driver.Report{Findings: p.findings} }

func (p *plainStore) Properties() driver.Properties {
	return driver.Properties{Backend: "plain", Durable: true, ExactBytes: true, Batch: driver.BatchAny}
}

func (p *plainStore) Close() error { return nil }
