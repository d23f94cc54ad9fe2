package mongostore

import (
	"net/url"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// What tests see of the inside: the formats.

var (
	EscapeName   = escapeName
	UnescapeName = unescapeName
	SameDecimal  = sameDecimal
)

// Redact is what becomes of an error's text in a store opened by u.
func Redact(text string, u *url.URL) string { return redact(text, secretsOf(u)) }

// PageSize is how many ids one query lists.
const PageSize = pageSize

// MostLevels is how many levels a native value has on MongoDB.
const MostLevels = 90

// Encode is how MongoDB is given a value; Ferret, how FerretDB is.
func Encode(data []byte, ferret bool) (stored bson.RawValue, text bool) {
	sv := server{twoSteps: ferret}
	v := encode(data, sv.limits())
	return v.bson(), v.text
}

// Decode reads a document as a value.
func Decode(document bson.Raw) (data []byte, rev string, err error) {
	d := parse(document)
	data, err = d.json()
	return data, d.revision(), err
}

// ParseURL is what a URL says.
func ParseURL(u *url.URL) (o *options.ClientOptions, database, location string, durable, readOnly bool, err error) {
	c, err := parseURL(u)
	if err != nil {
		return nil, "", "", false, false, err
	}
	return c.client, c.database, c.location, c.durable, c.readOnly, nil
}
