module github.com/fleetdrop/fleetdrop

go 1.26
