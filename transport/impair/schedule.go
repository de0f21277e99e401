// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"strconv"
	"strings"
)

// A Schedule is the faults of a run, in the order in which they struck.
type Schedule []ID

// Filter returns a filter that lets the faults of the schedule strike, and no
// others.
func (s Schedule) Filter() Filter {
	set := make(map[ID]struct{}, len(s))
	for _, id := range s {
		set[id] = struct{}{}
	}
	return func(f Fault) bool {
		_, ok := set[f.ID]
		return ok
	}
}

// String returns the ID as it stands in a schedule's text: the link, the
// direction, the packet's number with "+" and the copy if it is one, the kind,
// and the stage if it is not the first.
func (id ID) String() string {
	direction, copied, stage := "forth", "", ""
	if id.Back {
		direction = "back"
	}
	if id.Copy != 0 {
		copied = fmt.Sprintf("+%d", id.Copy)
	}
	if id.Stage != 0 {
		stage = fmt.Sprintf(" %d", id.Stage)
	}
	return fmt.Sprintf("%s %s %d%s %s%s", id.Link, direction, id.Number, copied, id.Kind, stage)
}

// String returns the schedule as text, one fault a line, for [ParseSchedule].
func (s Schedule) String() string {
	var b strings.Builder
	for _, id := range s {
		b.WriteString(id.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// ParseSchedule reads the text of a schedule. Empty lines and those that begin
// with "#" are left out. An error names the line.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, err := parseID(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("schedule, line %d: %w", n, err)
		}
		s = append(s, id)
	}
	return s, nil
}

func parseID(w []string) (id ID, err error) {
	if len(w) != 4 && len(w) != 5 {
		return id, fmt.Errorf("%d words, want LINK forth|back NUMBER KIND [STAGE]", len(w))
	}
	id.Link = w[0]
	switch w[1] {
	case "forth":
	case "back":
		id.Back = true
	default:
		return id, fmt.Errorf("direction %q is neither forth nor back", w[1])
	}
	number, copied, isCopy := strings.Cut(w[2], "+")
	if id.Number, err = strconv.ParseUint(number, 10, 64); err != nil {
		return id, fmt.Errorf("packet number %q: %w", number, err)
	}
	if isCopy {
		n, err := strconv.ParseUint(copied, 10, 16)
		if err != nil || n == 0 {
			return id, fmt.Errorf("copy %q is not a number from 1 to 65535", copied)
		}
		id.Copy = uint16(n)
	}
	for k := range Kind(numKinds) {
		if k > 0 && w[3] == k.String() {
			id.Kind = k
		}
	}
	if id.Kind == 0 {
		return id, fmt.Errorf("there is no kind of fault %q", w[3])
	}
	if len(w) == 5 {
		n, err := strconv.ParseUint(w[4], 10, 8)
		if err != nil {
			return id, fmt.Errorf("stage %q is not a number from 0 to 255", w[4])
		}
		id.Stage = uint8(n)
	}
	return id, nil
}
