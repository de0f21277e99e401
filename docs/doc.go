// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package docs holds the project's documentation, and the tests that keep what
// it says about the code true.
package docs
