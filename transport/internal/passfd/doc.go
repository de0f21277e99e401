// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package passfd turns descriptors of sockets into files that can be passed to
// another process, and back, and asks what they are. It exists on Linux only.
package passfd
