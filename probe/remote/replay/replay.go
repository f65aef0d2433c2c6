// Package replay is a fleet of SSH servers on loopback that answer as recorded hosts
// did: for the demo, for tests and for benchmarks of the controller.
package replay
