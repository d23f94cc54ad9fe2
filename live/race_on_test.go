//go:build race

package live_test

// stride is which of the deaths are tried: under the race detector, which makes
// them six times as slow and finds nothing in one goroutine, every seventh.
const stride = 7
