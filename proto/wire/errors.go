// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// A BuildError is the reason why a builder did not write a header. It is
// comparable, and returning one does not allocate. A builder that returns an
// error may have written part of the buffer.
type BuildError uint8

// The reasons.
const (
	_ BuildError = iota

	// ErrShortBuffer: the buffer is shorter than what Len promises.
	ErrShortBuffer

	// ErrAddress: an address is not of the family of the header, or is not
	// valid.
	ErrAddress

	// ErrLength: the length of the payload or of the whole does not fit its
	// field.
	ErrLength

	// ErrOffset: a fragment offset is negative, too large, or not a multiple
	// of eight.
	ErrOffset

	// ErrOptions: the options are longer than a header can have, or an option
	// has a length that is impossible.
	ErrOptions

	// ErrExtension: an extension header has a type that cannot be chained, is
	// misplaced, or has data longer than a header can have.
	ErrExtension

	// ErrField: the value of a field has more bits than the field.
	ErrField
)

// Error returns the reason in a few words.
func (e BuildError) Error() string {
	switch e {
	case ErrShortBuffer:
		return "wire: buffer too short"
	case ErrAddress:
		return "wire: address of the wrong family"
	case ErrLength:
		return "wire: length does not fit its field"
	case ErrOffset:
		return "wire: fragment offset out of range or not a multiple of 8"
	case ErrOptions:
		return "wire: options do not fit"
	case ErrExtension:
		return "wire: extension header cannot be chained"
	case ErrField:
		return "wire: value does not fit its field"
	}
	return "wire: unknown build error"
}
