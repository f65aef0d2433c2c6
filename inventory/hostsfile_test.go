package inventory

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// entriesOf reads a hosts file.
func entriesOf(t testing.TB, text string) ([]entry, *problems) {
	t.Helper()
	p := &problems{places: []string{"-"}}
	return read(Options{Files: []string{"-"}, Stdin: strings.NewReader(text)}, p), p
}

func (e entry) String() string {
	s := fmt.Sprintf("%v %s", e.origin, e.name)
	for _, v := range []struct{ key, value string }{{"user", e.user.value}, {"addr", e.addr.value}, {"port", e.port.value}, {"jump", e.jump.value}} {
		if v.value != "" {
			s += " " + v.key + "=" + v.value
		}
	}
	for _, k := range e.keys {
		s += " key=" + filepath.Base(k.value)
	}
	if len(e.groups) > 0 {
		s += " group=" + strings.Join(e.groups, ",")
	}
	return s
}

func TestHostsFile(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "web1\nweb2\n", []string{"-:1 web1", "-:2 web2"}},
		{"no newline at the end", "web1", []string{"-:1 web1"}},
		{"BOM, CRLF, comments, blanks", "\ufeffweb1\r\n\r\n# c\r\n; c\r\n \tweb2 #c\r\n", []string{"-:1 web1", "-:5 web2"}},
		{"a comment begins a word", "web1 group=a#b\n", nil},
		{"everything", "deploy@web1:2222 addr=10.0.0.1 jump=a,b@c:1 group=x,y group=z", []string{
			"-:1 web1 user=deploy addr=10.0.0.1 port=2222 jump=a,b@c:1 group=x,y,z"}},
		{"user with a domain", "a@b.c@web1", []string{"-:1 web1 user=a@b.c"}},
		{"IPv6", "2001:db8::1\n[2001:db8::2]\nbob@[2001:db8::3]:22\nfe80::1%eth0\n", []string{
			"-:1 2001:db8::1", "-:2 2001:db8::2", "-:3 2001:db8::3 user=bob port=22", "-:4 fe80::1%eth0"}},
		{"ssh://", "ssh://bob@web1:2222/\n", []string{"-:1 web1 user=bob port=2222"}},
		{"range", "bob@web[01-03]:99 group=w", []string{
			"-:1 web01 user=bob port=99 group=w", "-:1 web02 user=bob port=99 group=w", "-:1 web03 user=bob port=99 group=w"}},
		{"terms", "web[1-3],bob@db1!web2", []string{"-:1 web1", "-:1 web3", "-:1 db1 user=bob"}},
		{"merged", "web1 group=a\nweb[1-2] group=b port=2\nweb1 port=2 group=a", []string{"-:1 web1 port=2 group=a,b,a", "-:2 web2 port=2 group=b"}},
		{"port with zeros", "web1:0022", []string{"-:1 web1 port=22"}},
		{"a digit alone, an underscore", "1\na_b", []string{"-:1 1", "-:2 a_b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			entries, p := entriesOf(t, test.text)
			var got []string
			for _, e := range entries {
				got = append(got, e.String())
			}
			if test.want == nil {
				if err := p.err(); err == nil {
					t.Errorf("no error, but %v", got)
				}
				return
			}
			if err := p.err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestBadInput compares every message with testdata/bad.txtar: a file of hosts, and after
// it what is said of it. Rewrite it with -update.
func TestBadInput(t *testing.T) {
	const file = "testdata/bad.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	var golden []txtar.File
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, ": errors") {
			continue
		}
		// Bytes that an editor does not show are written as Go writes them.
		text := strings.NewReplacer(`\x00`, "\x00", `\xff`, "\xff", `\xfe`, "\xfe", `\x1b`, "\x1b", `\u202e`, "\u202e",
			`\u200b`, "\u200b", `\r`, "\r", `\n`, "", "LONG", strings.Repeat("x", 5000), "LABEL", strings.Repeat("x", 64),
			"NAME", strings.Repeat("abcdefghi.", 26)+"x").Replace(string(f.Data))
		if err := os.WriteFile(f.Name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		hosts, _, err := Load(t.Context(), Options{Files: []string{f.Name}, SSHConfig: "none"})
		if err == nil || len(hosts) > 0 {
			t.Errorf("%s: no error, %d hosts", f.Name, len(hosts))
			continue
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			if e, ok := errors.AsType[*Error](e); !ok || e.Hint == "" && !strings.HasPrefix(e.Message, "and ") {
				t.Errorf("%s: no next step in %v", f.Name, e)
			}
		}
		golden = append(golden, f, txtar.File{Name: f.Name + ": errors", Data: []byte(strings.ReplaceAll(err.Error(), dir, "DIR") + "\n")})
	}
	got := txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: golden})
	if *update {
		t.Chdir(testDir)
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(txtar.Format(archive)), string(got)); diff != "" && !*update {
		t.Errorf("-want +got:\n%s", diff)
	}
}

var testDir, _ = os.Getwd()

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{}, "no hosts; name some, as in fleetdrop scan web-17, or give a file with -i"},
		{Options{Files: []string{dir + "/nope"}}, "/nope: no such file; check the name"},
		{Options{Files: []string{dir}}, ": is a directory; "},
		{Options{Files: []string{empty}}, "/empty: no hosts found (empty file); write one host a line"},
		{Options{Files: []string{"-"}, Stdin: strings.NewReader("# a\n\n")}, "-: no hosts found (2 lines, all empty or comments); write one host a line"},
		{Options{Files: []string{"-"}}, "-: there is no standard input; "},
		{Options{Files: []string{"-", "-"}, Stdin: strings.NewReader("a")}, "-: the file is given twice; give it once"},
		{Options{Hosts: []string{"a", ""}}, `argument:2: "" names no host; `},
		{Options{Hosts: []string{"a", "#b"}}, `argument:2: "#b" names no host; `},
		{Options{Hosts: []string{"-oProxyCommand=x"}}, `argument:1:1: "-oProxyCommand=x" is not a host name; `},
		{Options{Hosts: []string{"a[1-5]"}, MaxHosts: 4}, "argument:1:1: expands to 5 hosts, the limit is 4; check the range, or raise --max-hosts"},
		{Options{Hosts: []string{"a", "b", "c"}, MaxHosts: 2}, "argument:3: more than 2 hosts; raise --max-hosts"},
		{Options{Hosts: []string{"a"}, User: "-x"}, `--user: "-x" is not a login name; `},
		{Options{Hosts: []string{"a"}, Jump: "b;c"}, `--jump: "b;c" is not a host name`},
		{Options{Hosts: []string{"a"}, Identity: []string{dir + "/key"}}, `/key": no such file; check the name`},
		{Options{Hosts: []string{"a"}, KnownHosts: []string{dir + "/known"}}, `/known": no such file; check the name, or have it written with --host-key accept-new`},
		{Options{Hosts: []string{"a"}, HostKey: "no"}, `--host-key: "no" is not known; use strict or accept-new`},
		{Options{Hosts: []string{"a"}, SSHConfig: dir + "/config"}, `/config: no such file; check the name`},
	} {
		hosts, _, err := Load(t.Context(), test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) || hosts != nil {
			t.Errorf("%+v: %v, want %q", test.o, err, test.want)
		}
	}
}

// TestManyErrors: twenty are shown, in the order of the file.
func TestManyErrors(t *testing.T) {
	_, p := entriesOf(t, strings.Repeat("ok\nbad=1\n", 30))
	lines := strings.Split(p.err().Error(), "\n")
	if len(lines) != 21 || !strings.HasPrefix(lines[0], "-:2:") || !strings.HasPrefix(lines[19], "-:40:") || lines[20] != "and 10 more" {
		t.Errorf("%d lines: %q … %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

// TestRepeatedRanges: a small file does not keep the machine busy.
func TestRepeatedRanges(t *testing.T) {
	p := &problems{}
	entries := read(Options{Files: []string{"-"}, Stdin: strings.NewReader(strings.Repeat("n[1-1000]\n", 1_000_000)), MaxHosts: 1000}, p)
	if err := p.err(); err == nil || len(entries) != 1000 {
		t.Errorf("%d hosts, %v", len(entries), err)
	}
}

func TestLimit(t *testing.T) {
	entries, p := entriesOf(t, "web-[01-10] group=web\ndb-[1-3] group=db,eu\ngate group=eu\n")
	if err := p.err(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ limit, want string }{
		{"gate", "gate"},
		{"db-*", "db-1 db-2 db-3"},
		{"db-?, gate", "db-1 db-2 db-3 gate"},
		{"web-[02-03,10]", "web-02 web-03 web-10"},
		{"[w-", `--limit: "[w-": range is not closed; add "]"`},
		{"*-[1-2]", "db-1 db-2"},
		{"@eu", "db-1 db-2 db-3 gate"},
		{"@eu,!@db", "gate"},
		{"!@db,@eu", "gate"},
		{"!web-*", "db-1 db-2 db-3 gate"},
		{"!web-*,!gate,!nope", "db-1 db-2 db-3"},
		{"nope", `--limit: "nope" matches none of 14 hosts; fleetdrop hosts shows their names`},
		{"gate,nope*", `--limit: "nope*" matches none of 14 hosts; fleetdrop hosts shows their names`},
		{"WEB-01", `--limit: "WEB-01" matches none of 14 hosts; fleetdrop hosts shows their names`},
		{"@nope", `--limit: group "nope" is not in the inventory; known are: db, eu, web`},
		{"!@nope", `--limit: group "nope" is not in the inventory; known are: db, eu, web`},
		{"gate,!gate", `--limit: "gate,!gate" matches none of 14 hosts; fleetdrop hosts shows their names`},
		{" , ", `--limit: " , " names no host; write names, globs or @group`},
		{"n[0-100000000]", `--limit: "n[0-100000000]" expands to 100,000,001 names, the limit is 100,000; make the range smaller`},
		{"*[0-2000]", `--limit: "*[0-2000]" expands to 2,001 names, the limit is 1,000; make the range smaller`},
	} {
		p := &problems{}
		var names []string
		for _, e := range limit(slices.Clone(entries), test.limit, p) {
			names = append(names, e.name)
		}
		got := strings.Join(names, " ")
		if err := p.err(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.limit, got, test.want)
		}
	}
	p = &problems{}
	limit(entries, "!nope*", p)
	if len(p.warnings) != 1 || !strings.Contains(p.warnings[0].Error(), `"!nope*" takes away none of 14 hosts`) {
		t.Errorf("warnings %v", p.warnings)
	}
}

// TestNodeset compares node sets with ClusterShell's.
func TestNodeset(t *testing.T) {
	nodeset, err := exec.LookPath("nodeset")
	if err != nil {
		t.Skip("no nodeset in PATH: nothing to compare with")
	}
	for _, set := range []string{
		"n1", "n[1-3]", "n[01-10]", "n[01-10/3]", "n[1-10/4]", "n[09-11]", "n[001-003,200]", "n[1,1-2]", "n[08-10/2,3]m[1-2]",
		"n[1-2]r[1-2]", "n[1-2]r[01-02]x[7]", "[1-2]n", "n[1-3]!n2", "n[1-5]&n[2-9]", "n[1-3]^n[2-4]", "a[1-2],b^a1",
		"n[1-9]!n[2-3],n2", "10.0.0.[1-3]", "rack[1-2]-node[01-02].example.com", "n[0-0]", "n[00-02]", "n[1-3],n[1-3]!n1",
		"a,b,c!b", "n[100-102]", "n[5]", "n[05]", "n[999-1001]", "n[1-100/99]", "n[1-2]!n[3-4]", "n[1-4]&n[2-3]!n3",
	} {
		terms, bad := parseHost(set)
		if bad != nil {
			t.Errorf("%s: %s", set, bad.message)
			continue
		}
		var got []string
		for _, a := range combine(terms) {
			got = append(got, a.name)
		}
		out, err := exec.Command(nodeset, "-e", set).Output()
		if err != nil {
			t.Errorf("nodeset -e %s: %v", set, err)
			continue
		}
		want := strings.Fields(string(out))
		slices.Sort(want)
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(want, got) {
			t.Errorf("%s: %q, nodeset has %q", set, got, want)
		}
	}
	for _, set := range []string{
		"n[1-", "n1]", "n[]", "n[a-c]", "n[3-1]", "n[1-2/0]", "n[01-010]", "n[1-010]", "n[10/2]", "n[[1-2]]", "n[1-2],", ",n1", "n[1-2]!!n1",
	} {
		if terms, bad := parseHost(set); bad == nil {
			t.Errorf("%s: %v, nodeset refuses it", set, combine(terms))
		}
	}
}

func TestUnique(t *testing.T) {
	hosts, warnings, err := Load(t.Context(), Options{
		Hosts: []string{"a addr=10.0.0.1 group=x", "b addr=10.0.0.1 group=y", "c addr=10.0.0.1 user=other", "d addr=10.0.0.1 port=23", "10.0.0.1 jump=a"}, SSHConfig: "none", User: ""})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hosts {
		got = append(got, h.Name+" "+strings.Join(h.Groups, ","))
	}
	if want := []string{"a x,y", "c ", "d ", "10.0.0.1 "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "argument:2: b is a (argument:1) by another name: both are ") {
		t.Errorf("warnings %v", warnings)
	}
}

func FuzzLine(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/bad.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(string(file.Data))
	}
	f.Add("deploy@web[01-03,9-11/2]:2222,[::1]:3!db1 addr=10.0.0.1 jump=a,b@c:1 group=x,y # c")
	f.Fuzz(func(t *testing.T, text string) {
		const most = 1000
		r := &reader{problems: &problems{}, max: most, index: map[string]int{}, keyFiles: map[string]error{}}
		for line := range strings.Lines(text) {
			r.line(strings.TrimSuffix(line, "\n"), Origin{"f", 1})
		}
		if len(r.entries) > most {
			t.Errorf("%d hosts", len(r.entries))
		}
		for _, e := range r.entries {
			// What could reach a command line or a shell must not be in a name.
			if e.name == "" || e.name[0] == '-' || strings.ContainsAny(e.name, "'\"`$\\;&<>|(){}*?[]!, \t\n\x00\x1b") {
				t.Errorf("name %q", e.name)
			}
			if strings.HasPrefix(e.user.value, "-") || strings.HasPrefix(e.jump.value, "-") || strings.HasPrefix(e.addr.value, "-") {
				t.Errorf("%v", e)
			}
		}
		for _, e := range r.errors {
			if e.Hint == "" || strings.ContainsFunc(e.Error(), func(c rune) bool { return c < ' ' }) {
				t.Errorf("message %q, hint %q", e.Message, e.Hint)
			}
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"n[1-3]", "n[001-128,200]", "a[1-9/2]b[3]", "n[", "n[0-18446744073709551615]", "[1-2][3-4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePattern(s)
		if err != nil {
			if err.at < 0 || err.at > len(s) || err.hint == "" {
				t.Errorf("%q: %+v", s, err)
			}
			return
		}
		if n := p.count(); n <= 10_000 && len(s) < 1000 {
			if names := p.names(); uint64(len(names)) != n {
				t.Errorf("%q: counted %d, made %d", s, n, len(names))
			}
		}
	})
}
