package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/fleetdrop/fleetdrop/probe/sysctl"
)

// An Error is one thing that is wrong with a policy file, where, and the lines around it.
type Error struct {
	File         string
	Line, Column int // 0 if it is the whole file
	Message      string
	Source       string // the lines up to it, and a mark; empty if there is none
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	text := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	if e.Source != "" {
		text += "\n" + e.Source
	}
	return text
}

// The bounds of a policy file. They are far above what people write.
const (
	maxFile  = 1 << 20
	maxErrs  = 20
	maxText  = 1000
	maxList  = 10_000
	maxWants = 256
)

// A decoder walks the tree of a YAML file, and remembers all that is wrong with it. It is strict: what
// it does not know is an error, not ignored.
type decoder struct {
	file    string
	lines   []string
	anchors map[string]ast.Node
	errs    []error
}

// A field is one key of a mapping and its value.
type field struct {
	name string
	key  ast.Node
	node ast.Node
}

// parse returns the tree of the one document in the text.
func (d *decoder) parse(text []byte) (root ast.Node) {
	d.lines = strings.Split(string(text), "\n")
	defer func() {
		if r := recover(); r != nil { // the parser is somebody else's
			d.errs = append(d.errs, &Error{File: d.file, Message: "it is no YAML"})
			root = nil
		}
	}()
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		var at interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &at) && at.GetToken() != nil {
			d.failAt(at.GetToken().Position, "%s", at.GetMessage())
		} else {
			d.errs = append(d.errs, &Error{File: d.file, Message: fmt.Sprintf("it is no YAML: %v", err)})
		}
		return nil
	}
	docs := slices.DeleteFunc(tree.Docs, func(doc *ast.DocumentNode) bool { return doc.Body == nil || doc.Body.Type() == ast.CommentGroupType })
	switch len(docs) {
	case 0:
		d.errs = append(d.errs, &Error{File: d.file, Message: `it is empty; a policy begins with "version: 1"`})
		return nil
	case 1:
		return docs[0].Body
	}
	d.fail(docs[1].Body, "a second document: a policy file holds one")
	return nil
}

// fail remembers what is wrong with a node.
func (d *decoder) fail(n ast.Node, format string, args ...any) {
	d.failAt(position(n), format, args...)
}

func (d *decoder) failAt(at *token.Position, format string, args ...any) {
	if at == nil {
		at = &token.Position{}
	}
	e := &Error{File: d.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)}
	e.Source = d.snippet(at.Line, at.Column)
	d.errs = append(d.errs, e)
}

// snippet is the line and the one before it, with a mark below the column.
func (d *decoder) snippet(line, column int) string {
	if line < 1 || line > len(d.lines) {
		return ""
	}
	var b strings.Builder
	if line > 1 {
		fmt.Fprintf(&b, "  %4d | %s\n", line-1, printable(d.lines[line-2]))
	}
	fmt.Fprintf(&b, "> %4d | %s\n", line, printable(d.lines[line-1]))
	fmt.Fprintf(&b, "%s^", strings.Repeat(" ", 9+max(0, min(column-1, 200))))
	return b.String()
}

// printable is a line of the file as a terminal may have it.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, line[:min(len(line), 200)])
}

func position(n ast.Node) *token.Position {
	switch v := n.(type) {
	case *ast.MappingNode:
		if len(v.Values) > 0 {
			return position(v.Values[0])
		}
	case *ast.MappingValueNode:
		return v.Key.GetToken().Position
	}
	if n == nil || n.GetToken() == nil {
		return nil
	}
	return n.GetToken().Position
}

func lineOf(n ast.Node) int {
	if at := position(n); at != nil {
		return at.Line
	}
	return 0
}

// plain follows anchors and aliases.
func (d *decoder) plain(n ast.Node) ast.Node {
	for range 10 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			meant, ok := d.anchors[name]
			if !ok {
				d.fail(n, "no anchor &%s before this", name)
				return nil
			}
			n = meant
		default:
			return n
		}
	}
	d.fail(n, "too many anchors")
	return nil
}

// fields returns the keys of a mapping, those that are known if any are named. What the mapping
// is stands in messages.
func (d *decoder) fields(n ast.Node, what string, known ...string) (all []field) {
	var pairs []*ast.MappingValueNode
	switch v := d.plain(n).(type) {
	case *ast.MappingNode:
		pairs = v.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{v}
	case nil:
		return nil
	default:
		d.fail(n, "%s: want keys and values", what)
		return nil
	}
	if len(pairs) > maxList {
		d.fail(n, "%s: %d keys are too many", what, len(pairs))
		return nil
	}
	for _, p := range pairs {
		if _, merge := p.Key.(*ast.MergeKeyNode); merge {
			d.fail(p.Key, `"<<" is not known here; extends takes another file in`)
			continue
		}
		name, ok := scalar(p.Key)
		if !ok {
			d.fail(p.Key, "%s: this is no key", what)
			continue
		}
		if len(known) > 0 && !slices.Contains(known, name) {
			d.fail(p.Key, "%s has no field %q%s", what, name, meant(name, known))
			continue
		}
		all = append(all, field{name, p.Key, p.Value})
	}
	return all
}

// items returns what a list holds.
func (d *decoder) items(n ast.Node, what string) []ast.Node {
	switch v := d.plain(n).(type) {
	case *ast.SequenceNode:
		if len(v.Values) > maxList {
			d.fail(n, "%s: %d are too many", what, len(v.Values))
			return nil
		}
		return v.Values
	case nil:
		return nil
	}
	d.fail(n, "%s: want a list", what)
	return nil
}

// scalar returns a text, number or truth value as it is written.
func scalar(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.MappingKeyNode:
		return scalar(v.Value)
	}
	return "", false
}

// text returns a scalar.
func (d *decoder) text(n ast.Node, what string) string {
	v, ok := scalar(d.plain(n))
	switch {
	case !ok:
		d.fail(n, "%s: want a text", what)
	case len(v) > maxText:
		d.fail(n, "%s: longer than %d bytes", what, maxText)
	case strings.ContainsFunc(v, unicode.IsControl):
		d.fail(n, "%s: want one line", what)
	case strings.TrimSpace(v) == "":
		d.fail(n, "%s: empty", what)
	default:
		return v
	}
	return ""
}

// number returns a whole number.
func (d *decoder) number(n ast.Node, what string) *int64 {
	v, ok := scalar(d.plain(n))
	i, err := strconv.ParseInt(strings.ReplaceAll(v, "_", ""), 0, 64)
	if !ok || err != nil {
		d.fail(n, "%s: want a whole number", what)
		return nil
	}
	return &i
}

// oneOf returns a word of some.
func (d *decoder) oneOf(n ast.Node, what string, words ...string) string {
	v, ok := scalar(d.plain(n))
	if !ok || !slices.Contains(words, v) {
		d.fail(n, "%s: want %s%s", what, strings.Join(words[:len(words)-1], ", ")+" or "+words[len(words)-1], meant(v, words))
		return ""
	}
	return v
}

// truth returns true or false; on and off are the same.
func (d *decoder) truth(n ast.Node, what string) bool {
	switch v, _ := scalar(d.plain(n)); v {
	case "true", "on":
		return true
	case "false", "off":
		return false
	}
	d.fail(n, "%s: want on or off", what)
	return false
}

// err is all that is wrong, by line.
func (d *decoder) err() error {
	slices.SortStableFunc(d.errs, func(a, b error) int {
		var x, y *Error
		errors.As(a, &x)
		errors.As(b, &y)
		return x.Line - y.Line
	})
	if more := len(d.errs) - maxErrs; more > 0 {
		d.errs = append(d.errs[:maxErrs], &Error{File: d.file, Message: fmt.Sprintf("and %d more", more)})
	}
	return errors.Join(d.errs...)
}

// meant names the word that an unknown one may have been meant for.
func meant(word string, known []string) string {
	best, least := "", min(3, 1+len(word)/4) // an ID with another number is another rule
	for _, k := range known {
		if d := sysctl.Distance(strings.ToLower(word), strings.ToLower(k)); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		if len(known) > 12 {
			return ""
		}
		return "; it has " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
