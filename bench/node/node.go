// Package node has the script that writes and reads the way backtest-kit does.
package node

import _ "embed"

// Script is an ECMAScript module for node.
//
//go:embed backtestkit.mjs
var Script []byte
