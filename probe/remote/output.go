package remote

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

// An output is what a host has printed so far. It grows by small blocks, because most
// of its life it only waits for the second sample.
type output struct {
	blocks []*block
	used   int // of the last block
	size   int
	spare  *sync.Pool
}

type block [8 << 10]byte

// readFrom reads once.
func (o *output) readFrom(r io.Reader) (int, error) {
	if len(o.blocks) == 0 || o.used == len(block{}) {
		o.blocks, o.used = append(o.blocks, o.spare.Get().(*block)), 0
	}
	n, err := r.Read(o.blocks[len(o.blocks)-1][o.used:])
	o.used += n
	o.size += n
	return n, err
}

// latest says that the marker stands in what came, and ends in the last n bytes of it.
func (o *output) latest(n int, marker []byte) bool {
	last := o.blocks[len(o.blocks)-1][:o.used]
	from := len(last) - n - len(marker) + 1
	if bytes.Contains(last[max(from, 0):], marker) {
		return true
	}
	if from >= 0 || len(o.blocks) == 1 {
		return false
	}
	// Where two blocks meet. A marker is shorter than a block.
	before := o.blocks[len(o.blocks)-2][len(block{})+from:]
	after := last[:min(len(last), len(marker)-1)]
	return bytes.Contains(slices.Concat(before, after), marker)
}

// take returns all that came, and gives back the blocks.
func (o *output) take() string {
	var b strings.Builder
	b.Grow(o.size)
	for i, block := range o.blocks {
		if i == len(o.blocks)-1 {
			b.Write(block[:o.used])
		} else {
			b.Write(block[:])
		}
		o.spare.Put(block)
	}
	o.blocks = nil
	return b.String()
}
