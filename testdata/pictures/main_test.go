package main

import (
	"strings"
	"testing"
)

func TestTerminalPicture(t *testing.T) {
	got := terminalPicture("x", "\x1b[1mFLEET\x1b[0m  2 <hosts>\n  \x1b[1;31mCRITICAL\x1b[0m & more\n")
	if err := wellFormed(got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<tspan x="16.0" font-weight="bold">FLEET</tspan><tspan x="55.1">  2 &lt;hosts&gt;</tspan>`,
		`<tspan x="31.7" fill="#ff7b72" font-weight="bold">CRITICAL</tspan><tspan x="94.3"> &amp; more</tspan>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestPathPicture(t *testing.T) {
	page := `<style>:root {
  --paper: #fff;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #000; }
}
.path .lane { fill: none; }
.other { color: red; }
</style><svg class="path" viewBox="20 26 1140 416" role="group"><a class="station" href="#at=nic"><desc>said</desc><text>NIC &amp; x</text></a></svg>`
	got, err := pathPicture(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := wellFormed(got); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]bool{".path .lane": true, `<g class="station"><text>NIC &amp; x</text></g>`: true, "href": false, ".other": false, "said": false} {
		if strings.Contains(got, text) != want {
			t.Errorf("%q in the picture: %v\n%s", text, !want, got)
		}
	}
	if _, err := pathPicture("<p>"); err == nil {
		t.Error("there is a path in a page without one")
	}
}
