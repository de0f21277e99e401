// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package measure runs the programs that are measured, and reads what they
// cost from the kernel's accounts.
package measure
