// Package e2e tries the built program as its users run it: as processes, over
// its public ports, with kill -9. It has tests only.
package e2e
