package memstore_test

import (
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/storetest"
)

// Nothing in memory can be damaged behind the store's back, or opened again.
func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) driver.Store {
		s := memstore.New()
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}, nil)
}
