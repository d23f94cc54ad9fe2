package filestore

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
)

// A file is named after its id, an entity's directories after the elements of
// its name, so that people, and backtest-kit, find what they look for:
//
//	BTCUSDT        → BTCUSDT.json
//	BTC/USDT:USDT  → BTC%{2F}USDT:USDT.json      on Unix
//	BTC/USDT:USDT  → BTC%{2F}USDT%{3A}USDT.json  on Windows
//
// What a name cannot be, or what would be taken for something else, is
// escaped byte by byte as %{XX}, in upper-case hex. The braces are there because
// people do percent-encode ids (encodeURIComponent) before they hand them to
// backtest-kit: BTC%2FUSDT.json must stay the id "BTC%2FUSDT". A % that is
// followed by {XX} is escaped itself, so escaping can always be undone.
//
// A directory that comes from Windows is found on Unix too: both forms are
// looked for. A name that neither form gives, such as A%{42}.json, keeps the
// directory from being opened: to pass over it would make the value that
// somebody keeps under it look absent.

// suffix of all files that hold values.
const suffix = ".json"

// maxElement is the longest file name that common file systems take, in bytes.
const maxElement = 255

// own is the directory of all that is Holdfast's.
const own = ".holdfast"

// lostAndFound is what fsck keeps in the root of a file system, and nobody but
// root may read. A volume mounted as the base directory has it.
const lostAndFound = "lost+found"

// notEntity tells the directories that are never an entity's.
func notEntity(dir string) bool { return dir == own || dir == lostAndFound }

// naming is how names are formed on one kind of system.
type naming struct {
	windows    bool
	normalizes bool // the file system takes different Unicode normal forms for one name (APFS)
}

func nativeNaming() naming {
	return naming{windows: runtime.GOOS == "windows", normalizes: runtime.GOOS == "darwin"}
}

// forms returns the file names that may stand for a name, the preferred first.
func (n naming) forms(name string, kind nameKind) []string {
	windows := escape(name, kind, windowsByte, true)
	if n.windows {
		return []string{windows}
	}
	unix := escape(name, kind, unixByte, false)
	if unix == windows {
		return []string{unix}
	}
	return []string{unix, windows}
}

// decode returns the name that a file name stands for; false if none does.
func (n naming) decode(file string, kind nameKind) (string, bool) {
	if !strings.HasSuffix(file, kind.suffix()) {
		return "", false
	}
	name := unescape(strings.TrimSuffix(file, kind.suffix()))
	if !kind.valid(name) {
		return "", false
	}
	return name, slices.Contains(n.forms(name, kind), file)
}

// nameKind tells file names of ids from directory names of entity elements.
type nameKind int

const (
	idName      nameKind = iota
	elementName          // of an entity's name
	firstName            // the first of them
)

func (k nameKind) suffix() string {
	if k == idName {
		return suffix
	}
	return ""
}

// valid tells whether a key can have the name. A directory called a%{2F}b does
// not stand for the entity a/b, which has two directories.
func (k nameKind) valid(name string) bool {
	if k == idName {
		return driver.ValidateKey(driver.Key{Entity: "x", ID: name}) == nil
	}
	return driver.ValidateEntity(name) == nil && !strings.Contains(name, "/")
}

func unixByte(c byte) bool { return c == '/' || c == 0 }

func windowsByte(c byte) bool { return c < 0x20 || c == 0x7f || strings.IndexByte(`<>:"/\|?*`, c) >= 0 }

// escape gives the file name of a name. reserved says whether Windows' device
// names and its dislike of trailing dots matter.
func escape(name string, kind nameKind, illegal func(byte) bool, reserved bool) string {
	first, last, dot := special(name, kind, reserved)
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		marked := first && i == 0 || last && i == len(name)-1 || dot && i == len(name)-len(suffix)
		if marked || illegal(c) || (c == '%' && isEscape(name[i:], 1)) {
			fmt.Fprintf(&b, "%%{%02X}", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + kind.suffix()
}

// special tells which bytes to escape so that the name as a whole is not taken
// for something else: the first, the last, the dot of the suffix.
func special(name string, kind nameKind, reserved bool) (first, last, dot bool) {
	lower := strings.ToLower(name)
	switch {
	case kind == idName:
		first = atomicfile.IsTemp(lower + suffix) // would be swept
	case kind == firstName && notEntity(lower):
		first = true
	case name == "." || name == "..": // refused before; never let through
		first = true
	}
	dot = kind != idName && strings.HasSuffix(lower, suffix) // would be taken for a value
	if reserved {
		first = first || isDevice(lower)
		last = kind != idName && (strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ")) // Windows drops it
	}
	return first, last, dot
}

// maxDevice is the length of the longest device name of letters and digits alone.
const maxDevice = len("com1")

// isDevice tells whether Windows takes a name for a device, with whatever
// ending: con, con.txt.
func isDevice(lower string) bool {
	base, _, _ := strings.Cut(lower, ".")
	base = strings.TrimRight(base, " ")
	switch base {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(base, "com"), "lpt")
	return len(base) > 3 && len(port) == len(base)-3 && slices.Contains(
		[]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"}, port)
}

// isEscape tells whether s[from:] begins with {XX}.
func isEscape(s string, from int) bool {
	return len(s) >= from+4 && s[from] == '{' && isHex(s[from+1]) && isHex(s[from+2]) && s[from+3] == '}'
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

// unescape undoes escape. What is not an escape stands for itself.
func unescape(file string) string {
	if !strings.Contains(file, "%{") {
		return file
	}
	var b strings.Builder
	for i := 0; i < len(file); i++ {
		if file[i] == '%' && isEscape(file[i:], 1) {
			b.WriteByte(hexValue(file[i+2])<<4 | hexValue(file[i+3]))
			i += 4
			continue
		}
		b.WriteByte(file[i])
	}
	return b.String()
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'A' + 10
}

// checkLength refuses what the file system would refuse, before anything is
// written.
func checkLength(name, file string) error {
	if len(file) > maxElement {
		return fmt.Errorf("%w: %.40q… is %d bytes long as a file name: %d is the limit: use a shorter one",
			driver.ErrInvalidName, name, len(file), maxElement)
	}
	return nil
}
