package driver

import "context"

// AppendGetter reads into memory of the caller's. Who reads many values, or one
// very often, makes no garbage by it.
type AppendGetter interface {
	// AppendGet is Get, but that Record.Data is dst with the value appended to
	// it: within the capacity of dst if the value fits, in new memory if not.
	// What dst holds up to its length does not change. With an error the Record
	// is zero.
	//
	// It is used in the place of Get: whoever embeds a store and changes what its
	// Get says changes this as well.
	AppendGet(ctx context.Context, k Key, dst []byte) (Record, error)
}
