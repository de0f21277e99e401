// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"regexp"
	"slices"
	"strings"
)

// The time of a testing/synctest bubble stands still while one of its
// goroutines is blocked by something that is not the bubble's: a mutex, a file
// descriptor. Go prints of each goroutine what it waits for, and "(durable)" if
// that lets time pass.

// A goroutineStack is one goroutine of a program's stacks.
type goroutineStack struct {
	text    string
	state   string   // such as "sync.Mutex.Lock"
	durable bool     // blocked so that time passes
	objects []string // first arguments of its functions: the receivers of methods
	files   []string // of its functions
}

var (
	goroutineHead = regexp.MustCompile(`^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\],(]+)([^\]]*)\]:`)
	firstArgument = regexp.MustCompile(`(?m)^\S+\((0x[0-9a-f]{8,})`)
	sourceFile    = regexp.MustCompile(`(?m)^\t(\S+\.go):\d+`)
)

// bubbleStacks returns the goroutines of bubbles.
func bubbleStacks(dump string) (all []goroutineStack) {
	for _, text := range strings.Split(strings.ReplaceAll(dump, "\r\n", "\n"), "\n\n") {
		text = strings.TrimSpace(text)
		m := goroutineHead.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		head, _, _ := strings.Cut(text, "\n")
		if !strings.Contains(head, "synctest bubble") {
			continue
		}
		g := goroutineStack{text: text, state: strings.TrimSpace(m[1]), durable: strings.Contains(head, "(durable)")}
		for _, c := range firstArgument.FindAllStringSubmatch(text, -1) {
			g.objects = append(g.objects, c[1])
		}
		for _, c := range sourceFile.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(c[1], "/sync/") && !strings.Contains(c[1], "/runtime/") {
				g.files = append(g.files, c[1])
			}
		}
		all = append(all, g)
	}
	return all
}

// diagnose says from the stacks of a program that did not end what keeps its
// virtual time from passing, and who that waits for. If it finds nothing it
// returns the stacks.
func diagnose(dump string) string {
	all := bubbleStacks(dump)
	var b strings.Builder
	for _, g := range all {
		switch {
		case g.durable || strings.HasPrefix(g.state, "synctest"):
		case strings.HasPrefix(g.state, "sync.Mutex") || strings.HasPrefix(g.state, "sync.RWMutex"):
			b.WriteString("The time stands still: a goroutine waits for a mutex, which does not let virtual time pass:\n\n" + g.text + "\n")
			if h := holder(&g, all); h != nil {
				b.WriteString("\nThis one most likely holds it, and waits for time to pass, or for something that needs it:\n\n" + h.text + "\n")
			}
		case g.state == "IO wait" || g.state == "syscall":
			b.WriteString("The time stands still: a goroutine waits for a real file descriptor, which does not let virtual time pass:\n\n" + g.text + "\n")
		case g.state == "running" || g.state == "runnable":
			b.WriteString("A goroutine does not stop running, so virtual time cannot pass:\n\n" + g.text + "\n")
		default:
			b.WriteString("The time stands still: a goroutine waits for something outside of its bubble:\n\n" + g.text + "\n")
		}
	}
	if b.Len() == 0 {
		return dump
	}
	return b.String()
}

// holder returns the goroutine that most likely holds the mutex that w waits
// for: one that is blocked in methods of the same object, or else in the file
// that locks it.
func holder(w *goroutineStack, all []goroutineStack) *goroutineStack {
	best, most := -1, 0
	for i := range all {
		g := &all[i]
		if !g.durable || strings.HasPrefix(g.state, "synctest") {
			continue
		}
		score := 2 * common(w.objects, g.objects)
		if len(w.files) > 0 {
			score += common(w.files[:1], g.files)
		}
		if score > most {
			best, most = i, score
		}
	}
	if best < 0 {
		return nil
	}
	return &all[best]
}

// common returns how many elements of a are in b.
func common(a, b []string) (n int) {
	for _, s := range a {
		if slices.Contains(b, s) {
			n++
		}
	}
	return n
}
