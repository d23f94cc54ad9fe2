package redisstore

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// mark is what is kept beside a value that this package has written: a string
//
//	1 REVISION MILLISECONDS DIGEST
//
// with the version of this format, the revision, the time of the writer's clock
// since 1970, and SHA-1 of the data in 40 hexadecimal digits. Redis computes the
// same digest in scripts. It tells the work of other programs from ours, and is
// no defence against an attacker.
type mark struct {
	rev    string
	at     time.Time
	digest string
}

const markVersion = "1"

func digest(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

func (m mark) String() string {
	return markVersion + " " + m.rev + " " + strconv.FormatInt(m.at.UnixMilli(), 10) + " " + m.digest
}

// parseMark reads a mark: the zero one if it is none.
func parseMark(text string) mark {
	version, rest, _ := strings.Cut(text, " ")
	rev, rest, _ := strings.Cut(rest, " ")
	millis, sum, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(millis, 10, 64)
	if version != markVersion || rev == "" || err != nil || len(sum) != 2*sha1.Size {
		return mark{}
	}
	return mark{rev: rev, at: time.UnixMilli(n), digest: sum}
}

// record makes a record of what lies under a key and of the mark beside it. Data
// of which the mark has the digest was written here, and is JSON; of other data
// it has to be seen, and it is revision and digest together that change with
// every change by others. When that was is not known.
func record(k driver.Key, key string, data []byte, text string) (driver.Record, error) {
	m, sum := parseMark(text), digest(data)
	if m.digest == sum {
		return driver.Record{Key: k, Data: data, Rev: m.rev, ModTime: m.at}, nil
	}
	if err := driver.ValidateData(data); err != nil {
		return driver.Record{}, &driver.DamagedError{Path: "key " + strconv.Quote(key), Reason: err.Error()}
	}
	return driver.Record{Key: k, Data: data, Rev: m.rev + "-" + sum}, nil
}
