package crashfs

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// walk calls f for everything that has a name, in byte order within each
// directory, directories before what is in them.
func (im *image) walk(f func(name string, ino uint64, n node)) {
	im.walkIn("", rootIno, f)
}

func (im *image) walkIn(prefix string, ino uint64, f func(name string, ino uint64, n node)) {
	names := im.nodes[ino].live.names
	for _, base := range sorted(names) {
		i := names[base]
		n := im.nodes[i]
		f(prefix+base, i, n)
		if n.dir {
			im.walkIn(prefix+base+"/", i, f)
		}
	}
}

// hash tells images apart by what can be read.
func (im *image) hash(skip func(string) bool) uint64 {
	b := make([]byte, 0, 4096)
	im.walk(func(name string, _ uint64, n node) {
		b = append(b, name...)
		b = append(b, 0)
		if !n.dir && skip != nil && skip(name) {
			return
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(n.live.perm))
		if n.dir {
			return
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(n.live.mtime))
		b = n.live.content.appendHash(b)
	})
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// Entry is a file or directory, as it is seen now.
type Entry struct {
	Name    string
	Mode    fs.FileMode
	Size    int64
	ModTime time.Time
	Sum     uint64 // tells contents apart
}

// String is a line of a listing.
func (e Entry) String() string {
	return fmt.Sprintf("%v %7d %s %016x %s", e.Mode, e.Size, e.ModTime.UTC().Format("15:04:05.000000000"), e.Sum, e.Name)
}

// Tree lists everything on the disk, in byte order within each directory.
func (d *Disk) Tree() []Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Entry
	d.im.walk(func(name string, _ uint64, n node) {
		e := Entry{Name: name, Mode: n.live.perm, Size: n.live.content.size, ModTime: time.Unix(0, n.live.mtime)}
		if n.dir {
			e.Mode |= fs.ModeDir
			e.ModTime = time.Time{} // changes with what is in it
		} else {
			sum := sha256.Sum256(n.live.content.appendHash(nil))
			e.Sum = binary.LittleEndian.Uint64(sum[:])
		}
		list = append(list, e)
	})
	return list
}

// String is the listing of Tree.
func (d *Disk) String() string {
	var b strings.Builder
	for _, e := range d.Tree() {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// ReadFile returns what a file holds now.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ino, err := d.resolve(name)
	if err != nil {
		return nil, pathError("read", name, err)
	}
	c := d.im.nodes[ino].live.content
	return c.piece(0, c.size).b, nil
}
