package contender

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/holdfast-go/holdfast/driver"
	_ "github.com/holdfast-go/holdfast/filestore" // the scheme file:
)

const entity = "signal/bench"

// files is Holdfast by its URL, with bytes in and bytes out, as the peers.
type files struct {
	params string
	store  *holdfast.Store
	driver driver.Store
	rows   *holdfast.Collection[row.Row]
}

func (c *files) Open(dir string) error {
	ctx := context.Background()
	store, err := holdfast.Open(ctx, fileURL(dir, c.params), nil)
	if errors.Is(err, holdfast.ErrInvalidURL) && c.params != "" {
		return missing("the file store does not know ?%s", c.params)
	}
	if err != nil {
		return err
	}
	c.store, c.driver = store, store.Driver()
	if c.rows, err = holdfast.NewCollection[row.Row](store, entity, nil); err == nil {
		err = c.rows.Init(ctx) // the driver's methods rely on it
	}
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return nil
}

func fileURL(dir, params string) string {
	path := filepath.ToSlash(dir)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/x
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: params}
	return u.String()
}

func (c *files) Put(key string, value []byte) error {
	return c.driver.Put(context.Background(), driver.Key{Entity: entity, ID: key}, value)
}

func (c *files) Get(key string) ([]byte, error) {
	rec, err := c.driver.Get(context.Background(), driver.Key{Entity: entity, ID: key})
	return rec.Data, err
}

// filesInto is Holdfast for a reader who has memory already.
type filesInto struct {
	files
	appender driver.AppendGetter
}

func (c *filesInto) Open(dir string) error {
	err := c.files.Open(dir)
	if err == nil {
		c.appender, _ = driver.As[driver.AppendGetter](c.driver)
	}
	return err
}

func (c *filesInto) AppendGet(key string, dst []byte) ([]byte, error) {
	rec, err := c.appender.AppendGet(context.Background(), driver.Key{Entity: entity, ID: key}, dst)
	return rec.Data, err
}

// All is what an application does at its start.
func (c *files) All(each func(key string, r *row.Row)) error {
	for e, err := range c.rows.All(context.Background()) {
		if err != nil {
			return err
		}
		each(e.ID, &e.Value)
	}
	return nil
}

func (c *files) Close() error { return c.store.Close() }

// typedFiles is Holdfast as an application uses it: values of a Go type, which
// the collection encodes and decodes.
type typedFiles struct{ files }

func (c *typedFiles) PutRow(key string, r *row.Row) error {
	return c.rows.Put(context.Background(), key, *r)
}

func (c *typedFiles) GetRow(key string) (row.Row, error) {
	return c.rows.Get(context.Background(), key)
}
