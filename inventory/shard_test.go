package inventory

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseShard(t *testing.T) {
	for text, want := range map[string]string{
		"1/1": "1/1", "3/8": "3/8", "8/8": "8/8",
		"0/8": "want", "9/8": "want", "-1/8": "want", "3": "want", "": "want", "3/": "want", "a/b": "want", "1/0": "want", "1/1001": "want", "1/8/2": "want",
	} {
		s, err := ParseShard(text, nil)
		if got := s.String(); err == nil && got != want || err != nil && (want != "want" || !strings.Contains(err.Error(), "from 1/8 to 8/8")) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// TestAuto has the variables of each scheduler: the third job of eight, and what is wrong.
func TestAuto(t *testing.T) {
	for env, want := range map[string]string{
		"CI_NODE_INDEX=3 CI_NODE_TOTAL=8":                                                                  "3/8",
		"SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=8":                                                   "3/8",
		"SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7":     "3/8",
		"SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=1":    "3/8",
		"SLURM_ARRAY_TASK_ID=30 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=10": "3/8",
		"AWS_BATCH_JOB_ARRAY_INDEX=2 AWS_BATCH_JOB_ARRAY_SIZE=8":                                           "3/8",
		"JOB_COMPLETION_INDEX=2 FLEETDROP_SHARDS=8":                                                        "3/8",
		"CI_NODE_TOTAL=1 JOB_COMPLETION_INDEX=2 FLEETDROP_SHARDS=8":                                        "3/8", // GitLab sets the total without parallel too
		"":                                "no scheduler says",
		"CI_NODE_TOTAL=1":                 "no scheduler says",
		"JOB_COMPLETION_INDEX=2":          "FLEETDROP_SHARDS is not",
		"CI_NODE_INDEX=3":                 "CI_NODE_TOTAL is not",
		"CI_NODE_INDEX=0 CI_NODE_TOTAL=8": "from 1/8 to 8/8",
		"AWS_BATCH_JOB_ARRAY_INDEX=8 AWS_BATCH_JOB_ARRAY_SIZE=8":                                           "from 1/8 to 8/8",
		"CI_NODE_INDEX=x CI_NODE_TOTAL=8":                                                                  "from 1/8 to 8/8",
		"CI_NODE_INDEX=3 CI_NODE_TOTAL=8 SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=8":                   "CI_NODE_INDEX and SLURM_ARRAY_TASK_ID are both set",
		"SLURM_ARRAY_TASK_ID=35 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_STEP=10": "no task of the array",
		"SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_STEP=x":                           "SLURM_ARRAY_TASK_STEP=x is no number",
	} {
		vars := map[string]string{}
		for pair := range strings.FieldsSeq(env) {
			name, value, _ := strings.Cut(pair, "=")
			vars[name] = value
		}
		s, err := ParseShard("auto", func(name string) string { return vars[name] })
		if err == nil && s.String() != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want %s", env, s, err, want)
		}
	}
}

// TestShards: every host is in one shard, the shards are about equal, and few hosts move
// when there is one shard more.
func TestShards(t *testing.T) {
	const hosts = 10000
	home := func(name string, of int) (at int) {
		for n := 1; n <= of; n++ {
			if (Shard{n, of}).Has(name) {
				if at != 0 {
					t.Fatalf("%s is in shard %d and %d", name, at, n)
				}
				at = n
			}
		}
		return at
	}
	sizes, moved := map[int]int{}, 0
	for i := range hosts {
		name := fmt.Sprintf("web-%05d", i)
		n := home(name, 8)
		sizes[n]++
		if n != home(name, 9) {
			moved++
		}
	}
	for n := 1; n <= 8; n++ {
		if got := sizes[n]; got < hosts/8*9/10 || got > hosts/8*11/10 {
			t.Errorf("shard %d has %d hosts of %d", n, got, hosts)
		}
	}
	if moved < hosts/9*8/10 || moved > hosts/9*12/10 {
		t.Errorf("%d hosts of %d move to a ninth shard", moved, hosts)
	}
	if !(Shard{}).Has("x") || !(Shard{1, 1}).Has("x") {
		t.Error("the whole is not all of it")
	}
	// What a name was once given to, it stays in: other controllers may be older.
	for name, want := range map[string]int{"web-00001": 8, "db-1": 5, "10.0.0.1": 4, "lb-03.example.com": 1} {
		if got := home(name, 8); got != want {
			t.Errorf("%s is in shard %d, want %d", name, got, want)
		}
	}
}
