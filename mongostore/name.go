package mongostore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

// An entity is the collection of the same name, signal/strategy-a included. A
// byte that MongoDB, its tools or its drivers refuse in the name of a
// collection is written %{XX}, in upper-case hex:
//
//	$            anywhere
//	"            anywhere: FerretDB does not quote it
//	.            at the beginning, at the end, behind another one
//	s of system. at the beginning: such collections are the server's own
//	% of %{      so that every name means one entity
//
// The braces keep entities like "100%" and "a%2Fb" as they are. Names differ by
// case, as entities do. What is too long for a collection is refused.

// maxNamespace is how long "database.collection" may be, in bytes.
const maxNamespace = 255

// systemPrefix is of the collections that the server keeps for itself.
const systemPrefix = "system."

// escapeName is the collection of an entity.
func escapeName(entity string) string {
	if !strings.ContainsAny(entity, `$".%`) {
		return entity
	}
	var b strings.Builder
	for i := range len(entity) {
		if c := entity[i]; escaped(entity, i) {
			fmt.Fprintf(&b, "%%{%02X}", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escaped tells whether the byte at i cannot stand as it is.
func escaped(entity string, i int) bool {
	switch entity[i] {
	case '$', '"':
		return true
	case '.':
		return i == 0 || i == len(entity)-1 || entity[i-1] == '.'
	case '%':
		return i+1 < len(entity) && entity[i+1] == '{'
	case 's':
		return i == 0 && strings.HasPrefix(entity, systemPrefix)
	}
	return false
}

// unescapeName is the entity of a collection: false if it is no entity's.
func unescapeName(collection string) (string, bool) {
	entity := collection
	if strings.Contains(collection, "%{") {
		var b strings.Builder
		rest := collection
		for {
			before, after, found := strings.Cut(rest, "%{")
			b.WriteString(before)
			if !found {
				break
			}
			hex, tail, closed := strings.Cut(after, "}")
			c, err := strconv.ParseUint(hex, 16, 8)
			if !closed || err != nil {
				return "", false
			}
			b.WriteByte(byte(c))
			rest = tail
		}
		entity = b.String()
	}
	return entity, driver.ValidateEntity(entity) == nil && escapeName(entity) == collection
}

// collectionName is escapeName for entities that need not be good.
func (s *Store) collectionName(entity string) (string, error) {
	if err := driver.ValidateEntity(entity); err != nil {
		return "", err
	}
	name := escapeName(entity)
	if n, most := len(name), maxNamespace-len(s.db.Name())-1; n > most {
		return "", fmt.Errorf("%w: entity %.40q… makes a collection name of %d bytes: %d is the limit in database %s",
			driver.ErrInvalidName, entity, n, most, s.db.Name())
	}
	return name, nil
}

// checkKey refuses a key that cannot be held.
func (s *Store) checkKey(k driver.Key) error {
	if err := driver.ValidateID(k.ID); err != nil {
		return first(driver.ValidateEntity(k.Entity), err)
	}
	_, err := s.collectionName(k.Entity)
	return err
}
