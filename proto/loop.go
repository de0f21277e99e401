// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

// This file is the loop's entry and exit: taking the binding's lock for a
// callback, and what is looked after before it is let go.

// acquire takes the lock for a callback with doEnv, on a goroutine that is no
// receive loop. It fails if the binding is closed.
func (b *Binding) acquire() bool {
	b.lock.lock()
	if b.closed {
		b.lock.unlock()
		return false
	}
	b.begin(b.doEnv)
	return true
}

// release lets go of the lock, also if a function given to Await ends the goroutine.
func (b *Binding) release() {
	defer func() {
		b.end()
		b.lock.unlock()
	}()
	if b.changed() {
		b.tell(nil)
	}
}

// begin makes env that of the callback in progress.
func (b *Binding) begin(env *Env) { b.active, env.live = env, true }

// changed reports whether the callback has left something for tell.
func (b *Binding) changed() bool {
	return b.notified.Load() || b.timers.next() != b.due.Load()
}

// tell passes on what the callback has changed: to those in Await, and when the
// next timer is due. q is the queue on whose loop this happens, nil for any other
// goroutine.
func (b *Binding) tell(q *queue) {
	defer b.tellDue(q)
	b.runNotified()
}

func (b *Binding) tellDue(q *queue) {
	if next := b.timers.next(); next != b.due.Load() {
		b.due.Store(next)
		b.host.lowerNext(next, q)
	}
}

// end ends what begin began, before the lock is let go.
func (b *Binding) end() { b.active.live, b.active = false, nil }

// checkLoop reports whether the caller may use what the lock guards.
func (b *Binding) checkLoop() error {
	switch {
	case !b.lock.locked() || b.active == nil:
		return ErrNotOnLoop
	case b.closed:
		return errClosed
	}
	return nil
}

// env is the Env of the callback in progress.
func (b *Binding) env() *Env { return b.active }

// enter and leave count calls that do without the lock, so that Close can wait
// for them.
const closedUsers = -1 << 30

func (b *Binding) enter() bool {
	for {
		n := b.users.Load()
		if n < 0 {
			return false
		}
		if b.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *Binding) leave() {
	if b.users.Add(-1) == closedUsers {
		close(b.idle)
	}
}

// service runs what is due for b on a queue's loop: posted functions, error
// reports, timers, room. It reports whether to come back at once.
func (b *Binding) service(q *queue, now int64) (more bool) {
	if !q.switchTo(b) {
		return false
	}
	defer q.release()
	env := q.env
	if b.posted.Swap(false) {
		b.runPosts(q, env)
	}
	if b.timers.next() <= now {
		more = b.runTimers(q, env, now)
	}
	return more
}

func (b *Binding) runPosts(q *queue, env *Env) {
	b.postMu.Lock()
	posts, faults := b.posts, b.faults
	b.posts, b.faults = nil, nil
	b.postMu.Unlock()
	defer func() { // some are left if one has ended the goroutine
		if len(faults)+len(posts) == 0 {
			return
		}
		b.postMu.Lock()
		b.faults, b.posts = append(faults, b.faults...), append(posts, b.posts...)
		b.postMu.Unlock()
		b.needService()
	}()
	for len(faults) != 0 {
		e := faults[0]
		faults = faults[1:]
		b.callError(&q.out, env, e)
	}
	for len(posts) != 0 {
		f := posts[0]
		posts[0], posts = nil, posts[1:]
		b.callContained(&q.out, f, env)
	}
	if b.doOut.n != 0 {
		b.doOut.flushAll()
	}
}

// runTimers runs the timers that are due and were armed before it began; one
// armed meanwhile to run at once waits for the next pass, so that packets get
// their turn.
func (b *Binding) runTimers(q *queue, env *Env, now int64) (more bool) {
	seq := b.timers.seq
	for t := b.timers.pop(now, seq); t != nil; t = b.timers.pop(now, seq) {
		b.callContained(&q.out, t.f, env)
	}
	return b.timers.next() <= now
}

// callContained runs f as a callback with a new instant, containing its panic.
func (b *Binding) callContained(o *outbox, f func(*Env), env *Env) {
	o.nowOK, o.slot.open = false, false // a slot that the last one left open is its own loss
	defer b.contain(o)
	call(f, env)
}

// roomAgain runs the functions given to OnRoom.
func (b *Binding) roomAgain(q *queue) {
	if !q.switchTo(b) {
		return
	}
	defer q.release()
	env := q.env
	if b.doOut.n != 0 {
		if b.doOut.flushAll(); b.doOut.stuck {
			return
		}
	}
	fs := b.onRoom
	b.onRoom = nil
	defer func() {
		if len(fs) != 0 { // one has ended the goroutine
			b.onRoom = append(fs, b.onRoom...)
		}
	}()
	for len(fs) != 0 {
		f := fs[0]
		fs = fs[1:]
		b.callContained(&q.out, f, env)
	}
}
