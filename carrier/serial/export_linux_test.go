package serial

// For the tests of this package.
var (
	WhoMay      = whoMay
	ExplainOpen = explainOpen
)
