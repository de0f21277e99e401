// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"fmt"
	"os"
	"testing"
	"time"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// roleEnv makes the test binary hold a guard, for whatever protocol it names,
// until it is killed.
const roleEnv = "GUARD_TEST_HOLD"

// fragmentsEnv makes it hide fragments, too.
const fragmentsEnv = "GUARD_TEST_HOLD_FRAGMENTS"

func TestMain(m *testing.M) {
	if protocol := os.Getenv(roleEnv); protocol != "" {
		hold(protocol)
	}
	os.Exit(netlab.Main(transporttest.Checked(m)))
}

func hold(protocol string) {
	var number int
	if _, err := fmt.Sscan(protocol, &number); err != nil {
		panic(err)
	}
	if _, err := Open(number, &Config{Families: V4 | V6, Fragments: os.Getenv(fragmentsEnv) != ""}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}
