// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package report writes what was measured: every sample as CSV, medians with
// the machine and the versions as JSON, tables and goals as Markdown, and plots
// as SVG and PNG. Each part has files of its own, so that it can be measured
// again alone.
package report
