// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package slots has the memory of a queue's slots: [Pool], for transports that
// hand packets to the kernel before Commit returns.
package slots
