package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestRecipes runs the shell steps of deploy/ci as the CI systems would, in a repository as the recipes
// want it, against a real sshd: once all is well, and once the policy wants something else. Each system
// then finds the reports where the recipe says they are.
func TestRecipes(t *testing.T) {
	host := startSSHD(t)
	for _, recipe := range []struct {
		file    string
		shell   []string
		steps   func(t *testing.T, text []byte) []ciStep
		reports func(t *testing.T, text []byte) []string
		env     func(repo string) []string
	}{
		{"github-actions.yml", []string{"bash", "-e"}, githubSteps, githubReports, func(repo string) []string {
			return []string{"GITHUB_WORKSPACE=" + repo, "RUNNER_TEMP=" + filepath.Join(repo, "temp"), "GITHUB_STEP_SUMMARY=" + filepath.Join(repo, "summary.md")}
		}},
		{"gitlab-ci.yml", []string{"bash", "-eo", "pipefail"}, gitlabSteps, gitlabReports, func(repo string) []string {
			return []string{"CI_PROJECT_DIR=" + repo, "FLEETDROP_SSH_KEY=" + filepath.Join(repo, "temp/key")}
		}},
		{"Jenkinsfile", []string{"sh", "-xe"}, jenkinsSteps, jenkinsReports, func(repo string) []string {
			return []string{"WORKSPACE=" + repo, "SSH_KEY=" + filepath.Join(repo, "temp/key")}
		}},
	} {
		text, err := os.ReadFile(filepath.Join("../../deploy/ci", recipe.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, policy := range []struct {
			name, text string
			want       int
		}{
			{"pass", "version: 1\nwindow: 0s\nsysctl: {net.core.somaxconn: {min: 1}}\n", 0},
			{"fail", "version: 1\nwindow: 0s\nsysctl: {net.core.somaxconn: {max: 1}}\n", 1},
		} {
			t.Run(recipe.file+"/"+policy.name, func(t *testing.T) {
				repo := ciRepository(t, host, policy.text)
				env := append(os.Environ(), append(recipe.env(repo), "PATH="+filepath.Join(repo, "bin")+":"+os.Getenv("PATH"))...)
				got := 0
				for _, s := range recipe.steps(t, text) {
					script := filepath.Join(repo, "temp/step.sh")
					if err := os.WriteFile(script, []byte(s.run), 0o600); err != nil {
						t.Fatal(err)
					}
					cmd := exec.Command(recipe.shell[0], append(recipe.shell[1:], script)...)
					cmd.Dir, cmd.Env = repo, append(slices.Clone(env), ciSecrets(s.env, host.read(t, "id"))...)
					out, err := cmd.CombinedOutput()
					t.Logf("%s\n%s", s.run, out)
					var failed *exec.ExitError
					if errors.As(err, &failed) {
						got = failed.ExitCode()
						break // the later ones are not run
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if got != policy.want {
					t.Errorf("exit code %d, want %d", got, policy.want)
				}
				var kinds []string
				for _, path := range recipe.reports(t, text) {
					kinds = append(kinds, filepath.Ext(path))
					checkReport(t, filepath.Join(repo, strings.ReplaceAll(path, "$GITHUB_STEP_SUMMARY", "summary.md")))
				}
				for _, kind := range []string{".xml", ".sarif", ".md"} {
					if !slices.Contains(kinds, kind) {
						t.Errorf("no %s among the reports %v", kind, kinds)
					}
				}
				if left, _ := filepath.Glob(filepath.Join(repo, "temp/fleetdrop-key")); len(left) > 0 {
					t.Error("the key stays on the runner")
				}
			})
		}
	}
}

// A ciStep is one shell script of a recipe.
type ciStep struct {
	run string
	env map[string]string
}

// ciRepository is a repository as the recipes want it, with a fleetdrop that "go install" has put into
// the path, and a go that does only that.
func ciRepository(t *testing.T, h sshdHost, policy string) string {
	t.Helper()
	repo := t.TempDir()
	me := strings.TrimSpace(command(t, "id", "-un"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"inventory/hosts.txt":   fmt.Sprintf("web-17 addr=127.0.0.1 port=%d user=%s\n", h.port, me),
		"inventory/known_hosts": h.read(t, "known_hosts"),
		policyName:              policy,
		"sysctl.d/60-net.conf":  "net.core.somaxconn = 4096\n",
		"temp/key":              h.read(t, "id"),
		"summary.md":            "",
		"bin/go": `#!/bin/sh
[ "$*" = "install github.com/fleetdrop/fleetdrop/cmd/fleetdrop@latest" ] || { echo "go $*: not expected"; exit 9; }
ln -sf ` + self + ` "${0%/*}/fleetdrop"
`,
	} {
		path := filepath.Join(repo, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return repo
}

// ciSecrets gives a step its environment: the one secret is the key.
func ciSecrets(env map[string]string, key string) (all []string) {
	for name, value := range env {
		value = strings.ReplaceAll(value, "${{ secrets.FLEETDROP_SSH_KEY }}", strings.TrimSpace(key))
		all = append(all, name+"="+value)
	}
	return all
}

// checkReport parses a report as the CI system would.
func checkReport(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	switch filepath.Ext(path) {
	case ".xml":
		d := xml.NewDecoder(bytes.NewReader(text))
		cases := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "testcase" {
				cases++
			}
		}
		if cases == 0 {
			t.Errorf("%s: no test case", path)
		}
	case ".sarif", ".json":
		var v map[string]any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	default:
		if len(bytes.TrimSpace(text)) == 0 {
			t.Errorf("%s: empty", path)
		}
	}
}

func githubSteps(t *testing.T, text []byte) (steps []ciStep) {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Run string            `yaml:"run"`
				Env map[string]string `yaml:"env"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	for _, job := range workflow.Jobs {
		for _, s := range job.Steps {
			if s.Run != "" {
				steps = append(steps, ciStep{s.Run, s.Env})
			}
		}
	}
	return steps
}

func githubReports(t *testing.T, text []byte) []string {
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				With map[string]any `yaml:"with"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	paths := []string{"summary.md"} // $GITHUB_STEP_SUMMARY
	for _, job := range workflow.Jobs {
		for _, s := range job.Steps {
			for _, key := range []string{"sarif_file", "path"} {
				if v, ok := s.With[key].(string); ok {
					paths = append(paths, strings.Fields(v)...)
				}
			}
		}
	}
	return paths
}

type gitlabJob struct {
	Before    []string `yaml:"before_script"`
	Script    []string `yaml:"script"`
	Artifacts struct {
		Paths   []string          `yaml:"paths"`
		Reports map[string]string `yaml:"reports"`
	} `yaml:"artifacts"`
}

func gitlabSteps(t *testing.T, text []byte) (steps []ciStep) {
	for _, job := range gitlabJobs(t, text) {
		steps = append(steps, ciStep{run: strings.Join(slices.Concat(job.Before, job.Script), "\n")})
	}
	return steps
}

func gitlabReports(t *testing.T, text []byte) (paths []string) {
	for _, job := range gitlabJobs(t, text) {
		paths = append(paths, job.Artifacts.Paths...)
		for _, path := range job.Artifacts.Reports {
			paths = append(paths, path)
		}
	}
	return paths
}

func gitlabJobs(t *testing.T, text []byte) map[string]gitlabJob {
	var jobs map[string]gitlabJob
	if err := yaml.Unmarshal(text, &jobs); err != nil {
		t.Fatal(err)
	}
	return jobs
}

var (
	jenkinsShell  = regexp.MustCompile(`(?s)\bsh '''(.*?)'''|\bsh '([^'\n]*)'`)
	jenkinsReport = regexp.MustCompile(`(?:testResults|pattern|artifacts): '([^']*)'`)
)

func jenkinsSteps(_ *testing.T, text []byte) (steps []ciStep) {
	for _, m := range jenkinsShell.FindAllStringSubmatch(string(text), -1) {
		steps = append(steps, ciStep{run: strings.ReplaceAll(m[1]+m[2], `\\`, `\`)})
	}
	return steps
}

func jenkinsReports(_ *testing.T, text []byte) (paths []string) {
	for _, m := range jenkinsReport.FindAllStringSubmatch(string(text), -1) {
		for path := range strings.SplitSeq(m[1], ",") {
			paths = append(paths, strings.TrimSpace(path))
		}
	}
	return paths
}
