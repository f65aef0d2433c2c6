package testdata

import (
	"testing"

	"github.com/fleetdrop/fleetdrop/probe"
)

func TestRecordings(t *testing.T) {
	names := Recordings()
	if len(names) < 30 {
		t.Errorf("only %d recordings: %v", len(names), names)
	}
	for _, name := range names {
		c, err := Recording(name)
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := recordings.ReadFile("recordings/" + name + ".txtar")
		if err != nil || c.String() != string(text) {
			t.Errorf("%s is not as String writes it: %v", name, err)
		}
		if got := c.Get("recording"); got != name {
			t.Errorf("%s says that it is %q", name, got)
		}
		if s := probe.NewSnapshot(c); s.Up() == 0 || c.Get("over") != "" && s.Over() == 0 {
			t.Errorf("%s: up %v, over %v", name, s.Up(), s.Over())
		}
	}
	if _, err := Recording("no-such/after"); err == nil {
		t.Error("a recording that there is not")
	}
}
