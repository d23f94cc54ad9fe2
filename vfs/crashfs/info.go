package crashfs

import (
	"io/fs"
	"path"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// device is the number of the file system.
const device = 1

// fileInfo is an [fs.FileInfo]. Its Sys is a *vfs.Info.
type fileInfo struct{ info vfs.Info }

func (d *Disk) info(name string, ino uint64) fileInfo {
	n := d.im.nodes[ino]
	i := vfs.Info{Name: path.Base(name), Mode: n.live.perm, Size: n.live.content.size,
		ModTime: n.live.mtime, ChangeTime: n.live.ctime, Inode: ino, Device: device}
	if n.dir {
		i.Mode |= fs.ModeDir
	}
	return fileInfo{i}
}

func (i fileInfo) Name() string       { return i.info.Name }
func (i fileInfo) Size() int64        { return i.info.Size }
func (i fileInfo) Mode() fs.FileMode  { return i.info.Mode }
func (i fileInfo) ModTime() time.Time { return time.Unix(0, i.info.ModTime) }
func (i fileInfo) IsDir() bool        { return i.info.Mode.IsDir() }
func (i fileInfo) Sys() any           { return &i.info }
