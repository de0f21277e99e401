// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package fifo has a queue that grows as needed: [Queue], for packets and events
// that wait inside a process.
package fifo
