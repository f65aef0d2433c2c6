package inventory

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// A Shard is a part of a fleet, for one of several controllers that scan it together. The
// zero Shard is all of it.
type Shard struct {
	N, Of int // N counts from 1
}

// maxShards bounds what a mistyped number costs: each host is hashed for each shard.
const maxShards = 1000

// ParseShard reads "3/8", or "auto": what a scheduler says in the environment.
func ParseShard(text string, getenv func(string) string) (Shard, error) {
	if text == "auto" {
		return autoShard(getenv)
	}
	index, total, _ := strings.Cut(text, "/")
	s, err := newShard(index, total, 1)
	if err != nil {
		return s, fmt.Errorf("--shard %s: %w", text, err)
	}
	return s, nil
}

var errShard = errors.New("want a part of the whole, from 1/8 to 8/8, or auto")

// newShard makes a shard of the texts of its numbers, of which the first counts from there.
func newShard(index, total string, from int) (Shard, error) {
	n, err := strconv.Atoi(index)
	of, errOf := strconv.Atoi(total)
	n += 1 - from
	if errors.Join(err, errOf) != nil || n < 1 || n > of || of > maxShards {
		return Shard{}, errShard
	}
	return Shard{n, of}, nil
}

// A scheduler says which of several equal jobs one is.
type scheduler struct {
	name         string
	index, total string // variables; the job is one of these if the first is set
	from         int    // what the first job's index is
}

var schedulers = []scheduler{
	{"GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1},
	{"Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0},
	{"AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", 0},
	{"Kubernetes", "JOB_COMPLETION_INDEX", "FLEETDROP_SHARDS", 0}, // Kubernetes does not tell the total
}

// autoShard asks the environment. If nobody says which part it is, or more than one does,
// that is an error: all jobs would do the same work and be content with it.
func autoShard(getenv func(string) string) (Shard, error) {
	var found []scheduler
	for _, s := range schedulers {
		if getenv(s.index) != "" {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		var names []string
		for _, s := range schedulers {
			names = append(names, s.index+" ("+s.name+")")
		}
		if len(found) == 0 {
			return Shard{}, fmt.Errorf("--shard auto: no scheduler says which part this is; it looks for %s", strings.Join(names, ", "))
		}
		return Shard{}, fmt.Errorf("--shard auto: %s and %s are both set: give the part, such as --shard 3/8", found[0].index, found[1].index)
	}
	s := found[0]
	index, total := getenv(s.index), getenv(s.total)
	if total == "" {
		return Shard{}, fmt.Errorf("--shard auto: %s is set and %s is not: set it to the number of jobs", s.index, s.total)
	}
	said := fmt.Sprintf("--shard auto: %s=%s, %s=%s", s.index, index, s.total, total)
	if s.name == "Slurm" { // an array may be 10-40:10
		var err error
		if index, err = slurmIndex(index, getenv); err != nil {
			return Shard{}, fmt.Errorf("%s: %w", said, err)
		}
	}
	part, err := newShard(index, total, s.from)
	if err != nil {
		return part, fmt.Errorf("%s: %w", said, err)
	}
	return part, nil
}

// slurmIndex counts the tasks of an array from 0.
func slurmIndex(id string, getenv func(string) string) (string, error) {
	number := func(name string, otherwise int) (int, error) {
		text := getenv(name)
		if text == "" {
			return otherwise, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("%s=%s is no number", name, text)
		}
		return n, nil
	}
	n, err := strconv.Atoi(id)
	least, errLeast := number("SLURM_ARRAY_TASK_MIN", 0)
	step, errStep := number("SLURM_ARRAY_TASK_STEP", 1)
	if err := errors.Join(err, errLeast, errStep); err != nil {
		return "", err
	}
	if step < 1 || (n-least)%step != 0 {
		return "", fmt.Errorf("it is no task of the array from %d in steps of %d", least, step)
	}
	return strconv.Itoa((n - least) / step), nil
}

// String is "3/8", and empty for all of the fleet.
func (s Shard) String() string {
	if s.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.N, s.Of)
}

// Home is the shard that a host is in, of so many. It goes by the name alone, so a host stays
// in its shard when others come or go, and most hosts stay when the number of shards changes:
// of all shards it is the one with which the name has the highest hash (rendezvous hashing).
func Home(name string, of int) Shard {
	best, most := 1, uint64(0)
	for n := 1; n <= of; n++ {
		if h := rendezvous(name, n); h > most {
			best, most = n, h
		}
	}
	return Shard{best, of}
}

// Has says that a host is in the shard.
func (s Shard) Has(name string) bool { return s.Of == 0 || s == Home(name, s.Of) }

// rendezvous is FNV-1a of a name and a shard. What FNV does not mix well, the last bytes,
// MurmurHash3's last step does.
func rendezvous(name string, n int) uint64 {
	f := fnv.New64a()
	fmt.Fprintf(f, "%d/%s", n, name)
	h := f.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
