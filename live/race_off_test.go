//go:build !race

package live_test

// stride is which of the deaths are tried: all of them.
const stride = 1
