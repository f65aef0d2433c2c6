package testdata

// Update says that tests write their golden files anew.
func Update() bool { return *update }
