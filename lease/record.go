package lease

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Entity is where leases are kept, with what lies below it. It says who may write
// now, and is no state that somebody would want back: a backup that restored it
// would take a fencing token back.
const Entity = "lease"

// Kept tells whether an entity is one of those that leases are kept in.
func Kept(entity string) bool {
	return entity == Entity || strings.HasPrefix(entity, Entity+"/")
}

// The entities of the two records. Their ids are the names of the leases.
const (
	claimEntity = Entity
	beatEntity  = Entity + "/heartbeat"
)

// claimVersion is of the form below. A higher one is refused: a newer release
// wrote it.
const claimVersion = 1

// maxToken is the largest whole number that every reader of JSON keeps.
const maxToken = 1 << 53

// claim says who holds a lease.
//
//	{
//	  "version": 1,
//	  "token": 7,                        the fencing token, from 1 on
//	  "id": "7Q2K…",                     of this holding, random
//	  "pid": 4711, "host": "box",        for people
//	  "since": "2026-11-24T01:02:03Z",   for people, by the holder's clock
//	  "ttl": 10000,                      lease time, ms
//	  "released": false
//	}
type claim struct {
	Version  int       `json:"version"`
	Token    uint64    `json:"token"`
	ID       string    `json:"id"`
	PID      int       `json:"pid"`
	Host     string    `json:"host"`
	Since    time.Time `json:"since"`
	TTL      int64     `json:"ttl"`
	Released bool      `json:"released"`
}

// beat is the heartbeat. Its revision is what counts; what stands in it makes
// each one different and keeps the token a second time.
//
//	{"token":7,"beat":42}
type beat struct {
	Token uint64 `json:"token"`
	Beat  uint64 `json:"beat"`
}

func claimOf(h Holder, released bool) claim {
	return claim{
		Version: claimVersion, Token: h.Token, ID: h.ID, PID: h.PID, Host: h.Host,
		Since: h.Since.UTC(), TTL: h.TTL.Milliseconds(), Released: released,
	}
}

func (c claim) holder() Holder {
	return Holder{
		PID: c.PID, Host: c.Host, ID: c.ID, Since: c.Since,
		TTL: time.Duration(c.TTL) * time.Millisecond, Token: c.Token,
	}
}

// decodeClaim judges a record: nothing of it is believed unseen.
func decodeClaim(data []byte) (claim, error) {
	var c *claim
	err := json.Unmarshal(data, &c)
	switch {
	case err != nil:
		return claim{}, notOurs(claimEntity, err)
	case c == nil:
		return claim{}, notOurs(claimEntity, errors.New("it was cleared"))
	case c.Version != claimVersion:
		return claim{}, notOurs(claimEntity, fmt.Errorf("version %d: this release reads version %d", c.Version, claimVersion))
	case c.Token < 1 || c.Token > maxToken:
		return claim{}, notOurs(claimEntity, fmt.Errorf("token %d: 1 to %d are possible", c.Token, uint64(maxToken)))
	case c.TTL < MinTTL.Milliseconds() || c.TTL > MaxTTL.Milliseconds():
		return claim{}, notOurs(claimEntity, fmt.Errorf("lease time of %d ms: %v to %v are possible", c.TTL, MinTTL, MaxTTL))
	case c.ID == "":
		return claim{}, notOurs(claimEntity, errors.New("the holder has no id"))
	}
	return *c, nil
}

func decodeBeat(data []byte) (beat, error) {
	var b *beat
	err := json.Unmarshal(data, &b)
	switch {
	case err != nil:
		return beat{}, notOurs(beatEntity, err)
	case b == nil:
		return beat{}, notOurs(beatEntity, errors.New("it was cleared"))
	case b.Token > maxToken:
		return beat{}, notOurs(beatEntity, fmt.Errorf("token %d: up to %d are possible", b.Token, uint64(maxToken)))
	}
	return *b, nil
}

// errRecord is of a record that is not of this package: it is not overwritten
// on a guess.
var errRecord = errors.New("not the record of a lease")

func notOurs(entity string, why error) error {
	return fmt.Errorf("%s: %w: %w: make sure that nobody holds it, then remove it", entity, errRecord, why)
}
