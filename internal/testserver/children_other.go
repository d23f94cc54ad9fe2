//go:build !linux

package testserver

// children are known of on Linux alone; elsewhere they end by themselves when
// they see that the server is gone.
type children struct{}

func (p *Process) haltChildren() children { return children{} }
func (children) kill()                    {}
