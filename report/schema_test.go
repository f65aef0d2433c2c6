package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSchema holds the JSON format, and the host lines of ndjson, against the schema.
func TestSchema(t *testing.T) {
	s := readSchema(t)
	for name, r := range map[string]*Report{
		"fleet": testReport(t), "empty": New(testHead(), nil, nil, Gates{}), "hostile": hostileReport(t),
	} {
		var doc any
		if err := json.Unmarshal(written(t, "json", r, Options{}), &doc); err != nil {
			t.Fatal(err)
		}
		for _, err := range s.check(s.root, doc, name) {
			t.Error(err)
		}
	}
	for line := range strings.Lines(string(written(t, "ndjson", testReport(t), Options{}))) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		if doc["type"] == "host" {
			for _, err := range s.check(map[string]any{"$ref": "#/$defs/host"}, doc, "ndjson") {
				t.Error(err)
			}
		}
	}
}

// TestSchemaFinds breaks the golden report, and expects the schema to see it.
func TestSchemaFinds(t *testing.T) {
	s := readSchema(t)
	for _, edit := range [][2]string{
		{`"fleetdrop.report/v1"`, `"fleetdrop.report/v2"`},
		{`"kind": "dropping"`, `"kind": "lost"`},
		{`"severity": "high"`, `"severity": 3`},
		{`"outcome": "failed"`, `"outcome": "ok"`},
		{`"score":`, `"points":`},
		{`"rank": 1,`, `"rank": 0,`},
		{`"rule": "FD601"`, `"rule": "601"`},
		{`"exit_code": 1`, `"exit_code": 5`},
		{`"loss": null`, `"loss": {}`},
		{`"groups": [`, `"groups": null, "x": [`},
		{`"net.core.somaxconn": "4096"`, `"net.core.somaxconn": 4096`},
		{`"majority": {`, `"majority": null, "x": {`},
	} {
		text := string(written(t, "json", testReport(t), Options{}))
		broken := strings.Replace(text, edit[0], edit[1], 1)
		if broken == text {
			t.Fatalf("%s is not in the report", edit[0])
		}
		var doc any
		if err := json.Unmarshal([]byte(broken), &doc); err != nil {
			t.Fatal(err)
		}
		if len(s.check(s.root, doc, "")) == 0 {
			t.Errorf("%s instead of %s is valid", edit[1], edit[0])
		}
	}
}

// TestSchemaElsewhere asks a validator that is not ours. CI installs it.
func TestSchemaElsewhere(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import jsonschema").Run()
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("python3-jsonschema: %v", err)
		}
		t.Skip("no python3-jsonschema here")
	}
	dir := t.TempDir()
	doc := filepath.Join(dir, "report.json")
	if err := os.WriteFile(doc, written(t, "json", testReport(t), Options{}), 0o600); err != nil {
		t.Fatal(err)
	}
	const program = `
import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
validator = jsonschema.Draft202012Validator
validator.check_schema(schema)
errors = list(validator(schema).iter_errors(json.load(open(sys.argv[2]))))
for e in errors: print(e.json_path, e.message)
sys.exit(bool(errors))
`
	if out, err := exec.Command(python, "-W", "ignore", "-c", program, "schema.json", doc).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A schema checks the part of JSON Schema that schema.json uses. A keyword that it does
// not know is an error, so the schema cannot outgrow it.
type schema struct{ root map[string]any }

func readSchema(t *testing.T) schema {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(JSONSchema, &root); err != nil {
		t.Fatal(err)
	}
	return schema{root}
}

func (s schema) check(rules map[string]any, v any, at string) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
	}
	object, _ := v.(map[string]any)
	array, _ := v.([]any)
	number, isNumber := v.(float64)
	text, isText := v.(string)
	for keyword, want := range rules {
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "format":
		case "$ref":
			name := strings.TrimPrefix(want.(string), "#/$defs/")
			errs = append(errs, s.check(s.root["$defs"].(map[string]any)[name].(map[string]any), v, at)...)
		case "type":
			if !slices.ContainsFunc(flat(want), func(w any) bool { return isType(w.(string), v) }) {
				bad("%v is no %v", v, want)
			}
		case "const":
			if v != want {
				bad("%v is not %v", v, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				bad("%v is none of %v", v, want)
			}
		case "required":
			for _, name := range want.([]any) {
				if _, ok := object[name.(string)]; object != nil && !ok {
					bad("no %v", name)
				}
			}
		case "properties":
			for name, rules := range want.(map[string]any) {
				if field, ok := object[name]; ok {
					errs = append(errs, s.check(rules.(map[string]any), field, at+"."+name)...)
				}
			}
		case "additionalProperties": // of objects that have no other
			for name, field := range object {
				errs = append(errs, s.check(want.(map[string]any), field, at+"."+name)...)
			}
		case "items":
			for i, item := range array {
				errs = append(errs, s.check(want.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i))...)
			}
		case "minimum":
			if isNumber && number < want.(float64) {
				bad("%v is below %v", number, want)
			}
		case "maximum":
			if isNumber && number > want.(float64) {
				bad("%v is above %v", number, want)
			}
		case "pattern":
			if isText && !regexp.MustCompile(want.(string)).MatchString(text) {
				bad("%q does not match %v", text, want)
			}
		case "anyOf":
			var all []error
			one := false
			for _, rules := range want.([]any) {
				found := s.check(rules.(map[string]any), v, at)
				one = one || len(found) == 0
				all = append(all, found...)
			}
			if !one {
				errs = append(errs, all...)
			}
		default:
			bad("the schema says %q, which this test does not know", keyword)
		}
	}
	return errs
}

func flat(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func isType(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	}
	return name == "object"
}
