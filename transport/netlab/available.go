// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import "os"

const (
	// requireEnv set to "1" turns the skip of Require into a failure.
	requireEnv = "PROTEAN_REQUIRE_NETLAB"

	// childEnv marks the process that Enter started, so that it does not start
	// another one. Enter removes it.
	childEnv = "PROTEAN_NETLAB_CHILD"

	// reasonEnv carries from Main to Require why the program could not be run
	// again with more rights.
	reasonEnv = "PROTEAN_NETLAB_UNAVAILABLE"
)

// TB is what this package needs of [testing.TB].
type TB interface {
	Helper()
	Cleanup(func())
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// M is what this package needs of [testing.M].
type M interface {
	Run() int
}

// Main runs a package's tests where they can build labs, and returns the exit
// code. It is for TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }
//
// Where the test binary has to run again for that (see [Enter]), m runs there
// only. Where labs are impossible, m runs here, and [Test] and [Require] skip.
func Main(m M) int {
	code, done, err := Enter()
	if done {
		return code
	}
	if err != nil {
		os.Setenv(reasonEnv, err.Error())
		defer os.Unsetenv(reasonEnv)
	}
	return m.Run()
}

// Require skips the test if this process cannot build labs, and says why. If
// the environment variable PROTEAN_REQUIRE_NETLAB is 1 it fails the test
// instead.
func Require(t TB) {
	t.Helper()
	reason := os.Getenv(reasonEnv)
	if reason == "" {
		err := Available()
		if err == nil {
			return
		}
		reason = err.Error()
	}
	if os.Getenv(requireEnv) == "1" {
		t.Fatalf("%s is 1, but: %s", requireEnv, reason)
	}
	t.Skipf("%s", reason)
}

// Test builds a topology for a test and closes it when the test is over. Where
// labs are impossible it ends the test as [Require] does; any other failure is
// fatal to the test.
func Test(t TB, top Topology) *Lab {
	t.Helper()
	Require(t)
	l, err := New(top)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
