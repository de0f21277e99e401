// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package impair is a catalogue of what networks do to packets: loss, delay,
// duplication, and so on, each with numbers that make it reproducible.
//
// A [Pipeline] is a list of stages, each of which does one thing to the packets
// of one direction, in the order of the list:
//
//	p, err := impair.Parse("rate 10mbit limit 100p loss 1% delay 10ms jitter 2ms")
//	p = impair.Pipeline{impair.Loss{P: 0.01}, impair.Delay{Time: 10 * time.Millisecond}}
//
// A link of package sim takes one as LinkConfig.Pipeline. A [Pipe] is a
// pipeline at work, for other surroundings: a state machine that has no clock
// and no goroutine.
//
// # Stages
//
//   - lose packets: [Loss], [GEModel], [Drop], [MTU]
//   - delay them: [Delay], [Reorder], [Rate]
//   - change them: [Corrupt], [Duplicate], [Bleach], [ClearDF], [TTL]
//   - middleboxes: [Allow], [DropFragments], [NAT], [Masquerade], [Denat]
//
// # Faults have addresses
//
// Whether a fault strikes is a function of the seed, the link, the packet's
// number on it, and what is being decided; it does not depend on
// what happened to other packets or on other links. So a [Fault] has an
// address, its [ID], that means the same in every run with the same seed.
//
// A [Recorder] lists the faults of a run as a [Schedule]; a [Filter] says which
// of them a run may have. Together they find the fewest faults that make a
// test fail: record a run that fails, leave some faults out, run again.
//
//	var r impair.Recorder
//	fails(&sim.Config{Seed: 7, Recorder: &r})
//	few := r.Schedule()[:10]
//	fails(&sim.Config{Seed: 7, Filter: few.Filter()})
package impair
