// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package interop runs other people's code over Protean's transports. It is a
// module of its own, so that whoever depends on Protean does not depend on
// them.
package interop
