package probe

import "testing"

func TestOSRelease(t *testing.T) {
	for text, want := range map[string]string{
		"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n": "Debian GNU/Linux 12 (bookworm)",
		"NAME=Alpine\nVERSION_ID=3.20.1\n":    "Alpine 3.20.1",
		"NAME='Some \\\"OS\\\"'\n":            `Some "OS"`,
		"ID=arch\nNAME=\"Arch Linux\"":        "Arch Linux",
		"":                                    "",
		"# nothing\n\x00\n=\n":                "",
		"PRETTY_NAME=\"\n":                    "\"",
		"PRETTY_NAME=\\\n":                    "\\",
		"PRETTY_NAME=\"x\\\"\nVERSION_ID=1\n": "x\\",
	} {
		got, err := OSRelease.Parse(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}
