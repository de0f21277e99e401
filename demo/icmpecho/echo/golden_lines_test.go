// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

// golden is what the cases of TestPrintsWhatPingPrints print.
var golden = map[string]string{
	"over a perfect link": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=10.0 ms
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=10.0 ms
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=10.0 ms

--- 10.0.0.2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 2010ms
rtt min/avg/max/mdev = 10.000/10.000/10.000/0.000 ms`,

	"IPv6": `
PING fd00::2(fd00::2) 56 data bytes
64 bytes from fd00::2: icmp_seq=1 ttl=64 time=0.246 ms
64 bytes from fd00::2: icmp_seq=2 ttl=64 time=0.246 ms

--- fd00::2 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 1000ms
rtt min/avg/max/mdev = 0.246/0.246/0.246/0.000 ms`,

	"lost requests": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=2.00 ms
no answer yet for icmp_seq=2
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=2.00 ms
64 bytes from 10.0.0.2: icmp_seq=4 ttl=64 time=2.00 ms
no answer yet for icmp_seq=5
no answer yet for icmp_seq=6

--- 10.0.0.2 ping statistics ---
6 packets transmitted, 3 received, 50% packet loss, time 5000ms
rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms`,

	"duplicates": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=2.00 ms
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=2.00 ms (DUP!)
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=2.00 ms
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=2.00 ms (DUP!)
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=2.00 ms
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=2.00 ms (DUP!)
64 bytes from 10.0.0.2: icmp_seq=4 ttl=64 time=2.00 ms

--- 10.0.0.2 ping statistics ---
4 packets transmitted, 4 received, +3 duplicates, 0% packet loss, time 3002ms
rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms`,

	"late answers": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=2500 ms (LATE!)
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=2500 ms (LATE!)
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=2500 ms (LATE!)

--- 10.0.0.2 ping statistics ---
4 packets transmitted, 0 received, +3 late, 100% packet loss, time 4500ms
pipe 3`,

	"answers out of order": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=20.0 ms
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=20.0 ms
64 bytes from 10.0.0.2: icmp_seq=4 ttl=64 time=20.0 ms
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=320 ms
64 bytes from 10.0.0.2: icmp_seq=5 ttl=64 time=20.0 ms
64 bytes from 10.0.0.2: icmp_seq=6 ttl=64 time=20.0 ms

--- 10.0.0.2 ping statistics ---
6 packets transmitted, 6 received, 0% packet loss, time 520ms
rtt min/avg/max/mdev = 20.000/70.000/320.000/111.803 ms, pipe 4`,

	"nobody answers": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
no answer yet for icmp_seq=1
no answer yet for icmp_seq=2

--- 10.0.0.2 ping statistics ---
2 packets transmitted, 0 received, 100% packet loss, time 1000ms`,

	"a deadline": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=1400 ms
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=1400 ms
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=1400 ms

--- 10.0.0.2 ping statistics ---
4 packets transmitted, 3 received, +1 in flight, 0% packet loss, time 3400ms
rtt min/avg/max/mdev = 1400.000/1400.000/1400.000/0.000 ms, pipe 2`,

	"a deadline and a number of answers": `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=2.00 ms
64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=2.00 ms
64 bytes from 10.0.0.2: icmp_seq=4 ttl=64 time=2.00 ms

--- 10.0.0.2 ping statistics ---
4 packets transmitted, 3 received, 25% packet loss, time 3002ms
rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms`,

	"larger than the MTU": `
PING 10.0.0.2 (10.0.0.2) 1473(1501) bytes of data.
1481 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms

--- 10.0.0.2 ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms`,
}
