// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Parse reads a pipeline from its text: stages one behind the other, each a
// word and its settings, with blanks or ends of lines between them, and
// comments from "#" to the end of the line. [Pipeline].String is its inverse.
// predicates are those that "drop if" may name beside the ones of this package.
//
//	delay 10ms jitter 2ms loss 1% gemodel 1% 10% rate 10mbit limit 100p codel ecn
//
// The words are those of the guide to testing. An error is a *[ParseError].
func Parse(text string, predicates ...Predicate) (Pipeline, error) {
	p := parser{predicates: predicates}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		p.words = append(p.words, strings.Fields(line)...)
	}
	var all Pipeline
	for !p.done() {
		begin := p.at
		s, err := p.stage()
		if err == nil {
			if reason := s.check(); reason != "" {
				p.at = begin + 1
				err = errors.New(reason)
			}
		}
		if err != nil {
			word := ""
			if p.at > 0 {
				word = p.words[p.at-1]
			}
			return nil, &ParseError{Stage: strings.Join(p.words[begin:min(p.at, len(p.words))], " "), Word: word, Number: p.at, Err: err}
		}
		all = append(all, s)
	}
	return all, nil
}

// A ParseError says which word of a pipeline's text is wrong.
type ParseError struct {
	Stage  string // the stage up to that word
	Word   string
	Number int // of the word, counted from 1
	Err    error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("word %d of the pipeline, %q in %q: %v", e.Number, e.Word, e.Stage, e.Err)
}

func (e *ParseError) Unwrap() error { return e.Err }

// A parser goes through words.
type parser struct {
	words      []string
	at         int // the next
	predicates []Predicate
}

func (p *parser) done() bool { return p.at >= len(p.words) }

// next takes the next word, which is to be what.
func (p *parser) next(what string) (string, error) {
	if p.done() {
		return "", fmt.Errorf("%s should follow", what)
	}
	p.at++
	return p.words[p.at-1], nil
}

// accept takes the next word if it is the given one.
func (p *parser) accept(word string) bool {
	if p.done() || p.words[p.at] != word {
		return false
	}
	p.at++
	return true
}

// number reports whether the next word begins as a number does.
func (p *parser) number() bool {
	return !p.done() && (p.words[p.at][0] >= '0' && p.words[p.at][0] <= '9' || p.words[p.at][0] == '.')
}

// read takes the next word and stores what parse makes of it.
func read[T any](p *parser, to *T, what string, parse func(string) (T, error)) error {
	w, err := p.next(what)
	if err == nil {
		*to, err = parse(w)
	}
	return err
}

func (p *parser) chance(to *float64) error { return read(p, to, "a probability", parseChance) }

func (p *parser) uint(to *uint64) error {
	return read(p, to, "a number", func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 {
			return 0, errors.New("is not a positive number")
		}
		return n, nil
	})
}

func (p *parser) int(to *int) error {
	return read(p, to, "a number", func(s string) (int, error) {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil || n == 0 {
			return 0, errors.New("is not a number from 1 to 2147483647")
		}
		return int(n), nil
	})
}

func (p *parser) uint8(to *uint8) error {
	return read(p, to, "a number", func(s string) (uint8, error) {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			return 0, errors.New("is not a number from 0 to 255")
		}
		return uint8(n), nil
	})
}

func (p *parser) bytes(to *int) error {
	return read(p, to, "a number of bytes", func(s string) (int, error) {
		n, err := byteUnits().parse(s)
		if err == nil && (n <= 0 || n > 1<<31-1) {
			err = errors.New("is not in 1b to 2147483647b")
		}
		return int(n), err
	})
}

// predicate takes a predicate.
func (p *parser) predicate() (Predicate, error) {
	w, err := p.next("a predicate")
	if err != nil {
		return Predicate{}, err
	}
	switch w {
	case "proto":
		var n uint8
		err := p.uint8(&n)
		return Protocol(n), err
	case "larger":
		var n int
		err := p.int(&n)
		return Larger(n), err
	case "v4":
		return V4(), nil
	case "v6":
		return V6(), nil
	}
	for _, q := range p.predicates {
		if q.Name == w {
			return q, nil
		}
	}
	return Predicate{}, errors.New("is not a predicate known here")
}
