// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A fake is a kernel whose table the test writes. It is called with the lock of
// its Kernel held.
type fake struct {
	has  map[netip.Addr]update
	used []netip.Addr
	err  error // of use
	down bool  // the link
}

func (f *fake) link(ifindex int) (link, error) {
	if f.down {
		return link{}, syscall.ENETDOWN
	}
	if ifindex != 1 {
		return link{}, syscall.ENODEV
	}
	return ethernet, nil
}

func (f *fake) get(hop netip.Addr, ifindex int) (update, bool, error) {
	u, ok := f.has[hop]
	return u, ok, nil
}

func (f *fake) use(hop netip.Addr, ifindex int) error {
	f.used = append(f.used, hop)
	return f.err
}

func (f *fake) close() {}

var one, two = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::2")

func macAddr(last byte) LinkAddr { return LinkAddrFromMAC([6]byte{2, 5: last}) }

// bubble runs f in virtual time with a Kernel over a fake and what it tells.
func bubble(t *testing.T, c Config, f func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr)) {
	synctest.Test(t, func(t *testing.T) {
		var told []netip.Addr
		c.Changed = func(hop netip.Addr, _ int) { told = append(told, hop) }
		k, s := newKernel(&c), &fake{has: map[netip.Addr]update{}}
		k.source = s
		f(t, k, s, &told)
		k.Close()
	})
}

func want(t *testing.T, k *Kernel, hop netip.Addr, a LinkAddr, is error) {
	t.Helper()
	got, err := k.Lookup(hop, 1)
	if got != a || !errors.Is(err, is) {
		t.Errorf("%v: %v, %v; want %v, %v", hop, got, err, a, is)
	}
}

func TestAnUnansweredQuestionEnds(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr) {
		want(t, k, one, LinkAddr{}, ErrPending)
		time.Sleep(4*time.Second - 1)
		synctest.Wait()
		want(t, k, one, LinkAddr{}, ErrPending)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		want(t, k, one, LinkAddr{}, syscall.EHOSTUNREACH)
		if !slices.Equal(*told, []netip.Addr{one}) || len(s.used) != 1 {
			t.Errorf("told %v, used %v", *told, s.used)
		}
		time.Sleep(retryAfter - 1)
		want(t, k, one, LinkAddr{}, syscall.EHOSTUNREACH)
		time.Sleep(time.Nanosecond)
		want(t, k, one, LinkAddr{}, ErrPending)
		if len(s.used) != 2 {
			t.Errorf("after a while: used %v", s.used)
		}
	})
}

func TestAnnouncementsAreTaken(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr) {
		say := func(hop netip.Addr, st state, last byte) {
			u := update{hop: hop, ifindex: 1, state: st}
			if last != 0 {
				u.addr = macAddr(last)
			}
			k.apply(u)
		}
		say(one, valid, 1) // of a hop that nobody looks up
		if k.nodes.n != 0 {
			t.Error("it is remembered")
		}
		want(t, k, one, LinkAddr{}, ErrPending)
		say(one, incomplete, 0)
		want(t, k, one, LinkAddr{}, ErrPending)
		say(one, valid, 1)
		want(t, k, one, macAddr(1), nil)
		say(one, valid, 1) // the same again is not told
		say(one, valid, 2)
		want(t, k, one, macAddr(2), nil)
		say(one, stale, 2)
		used := len(s.used)
		want(t, k, one, macAddr(2), nil)
		want(t, k, one, macAddr(2), nil)
		if len(s.used) != used+1 {
			t.Errorf("stale: the kernel was told %d times", len(s.used)-used)
		}
		say(one, failed, 0)
		want(t, k, one, LinkAddr{}, syscall.EHOSTUNREACH)
		say(one, incomplete, 0) // somebody else made the kernel try again
		want(t, k, one, LinkAddr{}, ErrPending)
		used = len(s.used)
		say(one, absent, 0) // removed meanwhile
		want(t, k, one, LinkAddr{}, ErrPending)
		if len(s.used) != used+1 {
			t.Error("removed while being resolved: it is not resolved again")
		}
		say(one, stale, 3)
		say(one, absent, 0)
		if k.nodes.n != 0 {
			t.Error("removed: it is remembered")
		}
		if want := []netip.Addr{one, one, one, one}; !slices.Equal(*told, want) {
			t.Errorf("told %v, want %v", *told, want)
		}
	})
}

func TestLostAnnouncementsAreMadeUpFor(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr) {
		s.has[two] = update{two, 1, macAddr(2), valid}
		want(t, k, one, LinkAddr{}, ErrPending)
		want(t, k, two, macAddr(2), nil)
		s.has[one] = update{one, 1, macAddr(1), stale}
		s.has[two] = update{two, 1, macAddr(3), stale}
		k.again(0)
		want(t, k, one, macAddr(1), nil)
		want(t, k, two, macAddr(3), nil)
		if !slices.Equal(*told, []netip.Addr{one}) {
			t.Errorf("told %v", *told)
		}
		// Those that were found stale are checked.
		if !slices.Equal(s.used, []netip.Addr{one, one, two}) {
			t.Errorf("used %v", s.used)
		}
		// Of another interface nothing is forgotten.
		s.has[two] = update{two, 1, macAddr(4), valid}
		k.again(2)
		want(t, k, two, macAddr(3), nil)
		k.again(1)
		want(t, k, two, macAddr(4), nil)
	})
}

func TestALinkThatGoesDownEndsQuestions(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr) {
		want(t, k, one, LinkAddr{}, ErrPending)
		s.down = true
		k.again(1)
		want(t, k, one, LinkAddr{}, syscall.ENETDOWN)
		if !slices.Equal(*told, []netip.Addr{one}) {
			t.Errorf("told %v", *told)
		}
	})
}

func TestTheNumberOfHopsIsBounded(t *testing.T) {
	bubble(t, Config{Entries: 8}, func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr) {
		hop := one
		for range 8 {
			want(t, k, hop, LinkAddr{}, ErrPending)
			hop = hop.Next()
		}
		want(t, k, hop, LinkAddr{}, ErrFull)
		k.apply(update{one, 1, macAddr(1), valid})
		want(t, k, hop, LinkAddr{}, ErrPending)
		if k.nodes.n != 8 || k.nodes.find(one, 1) != nil {
			t.Errorf("%d hops remembered", k.nodes.n)
		}
	})
}

func TestARefusalOfTheKernelsIsTheError(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, k *Kernel, s *fake, told *[]netip.Addr) {
		s.err = syscall.ENOBUFS
		want(t, k, one, LinkAddr{}, syscall.ENOBUFS)
		want(t, k, one, LinkAddr{}, syscall.EHOSTUNREACH)
		_, err := k.Lookup(one, 1)
		if s := err.Error(); s != "neighbour 10.0.0.1 on interface 1 cannot be resolved: "+syscall.ENOBUFS.Error() {
			t.Error(s)
		}
		if _, err := k.Lookup(one, 2); !errors.Is(err, syscall.ENODEV) || k.nodes.n != 1 {
			t.Errorf("no such interface: %v", err)
		}
		if _, err := k.Lookup(netip.Addr{}, 1); err == nil {
			t.Error("the zero address is known")
		}
	})
}

func TestTablesAreWhatWasSet(t *testing.T) {
	var table Table
	lookup := func(hop netip.Addr, ifindex int, a LinkAddr, is error) {
		t.Helper()
		if got, err := table.Lookup(hop, ifindex); got != a || !errors.Is(err, is) {
			t.Errorf("%v: %v, %v", hop, got, err)
		}
	}
	lookup(one, 1, LinkAddr{}, syscall.EHOSTUNREACH)
	table.Set(one, 1, macAddr(1))
	table.Set(two.WithZone("eth0"), 2, macAddr(2))
	lookup(one, 1, macAddr(1), nil)
	lookup(one, 2, LinkAddr{}, syscall.EHOSTUNREACH)
	lookup(two, 2, macAddr(2), nil)
	lookup(netip.MustParseAddr("::ffff:10.0.0.1"), 1, macAddr(1), nil)
	lookup(netip.MustParseAddr("ff02::1"), 7, LinkAddrFromMAC([6]byte{0x33, 0x33, 0, 0, 0, 1}), nil)
	lookup(broadcast, 7, LinkAddrFromMAC([6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), nil)
	table.Delete(one, 1)
	lookup(one, 1, LinkAddr{}, syscall.EHOSTUNREACH)
}

func TestLinkAddresses(t *testing.T) {
	if _, ok := LinkAddrFrom(make([]byte, 9)); ok {
		t.Error("nine bytes are an address")
	}
	a, ok := LinkAddrFrom([]byte{1, 2, 3, 4})
	if _, mac := a.MAC(); !ok || mac || a.Len() != 4 || a.String() != "01:02:03:04" || string(a.AppendTo(nil)) != "\x01\x02\x03\x04" {
		t.Errorf("%v", a)
	}
	if m, ok := macAddr(7).MAC(); !ok || m != [6]byte{2, 5: 7} {
		t.Errorf("%v", m)
	}
	for group, want := range map[string]string{
		"224.0.0.1": "01:00:5e:00:00:01", "239.255.255.250": "01:00:5e:7f:ff:fa", "::ffff:224.128.0.1": "01:00:5e:00:00:01",
		"ff02::1": "33:33:00:00:00:01", "ff02::1:ff12:3456": "33:33:ff:12:34:56",
	} {
		if m, ok := MulticastMAC(netip.MustParseAddr(group)); !ok || m.String() != want {
			t.Errorf("%s: %v, want %s", group, m, want)
		}
	}
	if _, ok := MulticastMAC(one); ok {
		t.Error("a host is a group")
	}
	if _, ok := MulticastMAC(netip.Addr{}); ok {
		t.Error("the zero address is a group")
	}
}
