// Package wirepb is generated from wire.proto, the schema of what package wire
// writes. Only tests use it: it referees the hand-written encoder.
package wirepb

//go:generate go run ../gen
