//go:build !windows

package contender

import "github.com/google/renameio/v2"

// renameioFiles is a file for each value, replaced by renameio, which does not
// flush the directory.
type renameioFiles struct{ plainFiles }

func newRenameio() (Contender, error) { return &renameioFiles{}, nil }

func (c *renameioFiles) Put(key string, value []byte) error {
	return renameio.WriteFile(c.name(key), value, 0o600)
}
