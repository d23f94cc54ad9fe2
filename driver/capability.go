package driver

// Partial is a store that has the methods of a capability and may lack it all
// the same: a wrapper, whose methods are written once, around a store whose
// capabilities are known when it is wrapped. So a wrapper needs one type, and
// not one for each combination of what it may find inside.
//
// The methods of what it lacks change nothing and answer errors.ErrUnsupported;
// Close and Flush answer nil, Report and Properties that there is nothing to
// say.
type Partial interface {
	// Lacks tells whether a capability is missing in spite of its methods. It is
	// given as a nil pointer to its interface, such as (*Deleter)(nil). The answer
	// is always the same.
	Lacks(capability any) bool
}

// As finds a capability of a store: what the outermost value says and does,
// never what lies beneath it. Of a store that is not [Partial] it is the type
// assertion.
func As[C any](s Store) (capability C, ok bool) {
	if p, partial := s.(Partial); partial && p.Lacks((*C)(nil)) {
		return capability, false
	}
	capability, ok = s.(C)
	return capability, ok
}
