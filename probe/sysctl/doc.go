// Package sysctl reads files of sysctl.d as the programs that apply them do, and knows the
// keys of the kernel.
//
// A file is parsed into settings. Files of a tree stand in the order in which they are
// applied, and some of them are masked. Apply says what is set by whom in the end, and what
// two programs that apply such files, procps and systemd, do otherwise. Find looks up a key
// in the table of known keys: what it takes, and which kernels have it.
package sysctl
