package remote

import (
	"io"
	"strings"
	"sync"
	"testing"
)

// TestLatest reads a marker that stands anywhere near the border of two blocks, in pieces of
// any size: it is found with the piece that ends it, and never before.
func TestLatest(t *testing.T) {
	const marker = "\n-- n0nce end --\n"
	spare := &sync.Pool{New: func() any { return new(block) }}
	for at := len(block{}) - len(marker) - 1; at <= len(block{})+1; at++ {
		text := strings.Repeat("x", at) + marker + strings.Repeat("y", 100)
		for _, size := range []int{1, 5, 16, 17, 1000, len(block{}) - 3, len(block{})} {
			o := output{spare: spare}
			from := struct{ io.Reader }{strings.NewReader(text)}
			for {
				n, err := o.readFrom(io.LimitReader(from, int64(size)))
				if err != nil {
					t.Fatalf("at %d in pieces of %d: not found", at, size)
				}
				if ended := o.size >= at+len(marker); o.latest(n, []byte(marker)) != ended {
					t.Fatalf("at %d in pieces of %d: found is %t after %d bytes", at, size, !ended, o.size)
				} else if ended {
					break
				}
			}
			if got := o.take(); got != text[:len(got)] {
				t.Fatalf("at %d in pieces of %d: the text is another", at, size)
			}
		}
	}
}
