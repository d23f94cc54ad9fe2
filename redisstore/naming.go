package redisstore

import (
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
)

// naming makes keys of Redis; see the package comment for the layout.
type naming struct{ prefix string }

// An entity ends at the first colon of a key, so it has none itself. A percent
// sign stays as it is but where it would begin an escape: names of people stay
// readable, and each entity has one key alone.
var (
	escape   = strings.NewReplacer(":", "%3A", "%3A", "%253A", "%25", "%2525")
	unescape = strings.NewReplacer("%3A", ":", "%25", "%")
)

// suffix is the key of a value without the prefix.
func suffix(k driver.Key) string { return escaped(k.Entity) + ":" + k.ID }

// escaped spares the names of most entities the search.
func escaped(entity string) string {
	if strings.IndexByte(entity, ':') < 0 && strings.IndexByte(entity, '%') < 0 {
		return entity
	}
	return escape.Replace(entity)
}

func (n naming) value(k driver.Key) string    { return n.valueOf(suffix(k)) }
func (n naming) rev(k driver.Key) string      { return n.revOf(suffix(k)) }
func (n naming) valueOf(suffix string) string { return n.prefix + suffix }
func (n naming) revOf(suffix string) string   { return n.prefix + ":rev:" + suffix }
func (n naming) lanes() string                { return n.prefix + ":lane:" }
func (n naming) log() string                  { return n.prefix + ":log" }

// parse is the reverse of value: false for what is not the key of a value.
func (n naming) parse(key string) (driver.Key, bool) {
	rest, ours := strings.CutPrefix(key, n.prefix)
	escaped, id, ok := strings.Cut(rest, ":")
	if !ours || !ok || !utf8.ValidString(rest) {
		return driver.Key{}, false
	}
	k := driver.Key{Entity: unescape.Replace(escaped), ID: id}
	if driver.ValidateKey(k) != nil || escape.Replace(k.Entity) != escaped {
		return driver.Key{}, false
	}
	return k, true
}

// ids is the pattern of the keys of an entity's values; all of those of all
// values, and of a few other keys perhaps.
func (n naming) ids(entity string) string { return glob(n.prefix+escape.Replace(entity)+":") + "*" }
func (n naming) all() string              { return glob(n.prefix) + "[^:]*" }

// glob escapes what has a meaning in a pattern.
func glob(text string) string { return globs.Replace(text) }

var globs = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `\`, `\\`, `^`, `\^`, `-`, `\-`)
